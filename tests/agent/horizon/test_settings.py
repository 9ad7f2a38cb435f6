"""What is played, counted by hand."""

import pytest

from latent_mpc.agent.costs.cost import costs
from latent_mpc.agent.costs.latent import LatentCost
from latent_mpc.agent.horizon.settings import (
    comparison_settings,
    equal_cem,
    evaluations,
    horizon_settings,
    scaled,
)

CEM = {"name": "cem", "horizon": 3, "samples": 64, "iterations": 6, "elites": 8}
COST = {"name": "cost_to_go", "running": 1.0, "terminal": 1.0}


def roles(settings):
    return sorted((one.role, one.horizon, one.pairs) for one in settings)


def test_a_ladder_is_the_planner_at_every_horizon_once_in_order():
    by_horizon = horizon_settings(CEM, COST, [5, 1, 5, 2], pairs=50, seed=0)
    assert [
        (setting.horizon, setting.pairs, setting.pairs_seed, setting.evaluations)
        for setting in by_horizon
    ] == [(h, 50, 0, 384) for h in (1, 2, 5)]
    assert by_horizon[0].planner == {**CEM, "horizon": 1}


def test_by_default_the_oracle_plays_three_horizons_on_few_pairs_and_the_rest_is_played_at_the_best():
    comparisons = comparison_settings(
        horizon_settings(CEM, COST, [1, 2, 3, 8, 24], 50, 0), 3, oracle=True, full=False
    )
    assert roles(comparisons) == [
        *[
            ("cost", 3, 50),
            ("cost", 3, 50),
            ("cost", 3, 50),
            ("oracle", 1, 24),
            ("oracle", 3, 24),
            ("oracle", 24, 8),
            ("replan", 3, 50),
        ],
        *[("samples", 3, 50)] * 3,
    ]
    assert sorted(one.evaluations for one in comparisons if one.role == "samples") == [
        96,
        192,
        1536,
    ]


def test_in_full_everything_is_played_at_every_horizon_on_all_pairs():
    by_horizon = horizon_settings(
        {"name": "mppi", "horizon": 3, "samples": 16}, COST, [1, 4], 50, 0
    )
    comparisons = comparison_settings(by_horizon, 1, oracle=True, full=True)
    kinds = {(one.role, one.horizon, one.every) for one in comparisons}
    assert {one.pairs for one in comparisons} == {50}
    assert kinds == {(r, h, 1) for r in ("cem", "oracle", "samples", "cost") for h in (1, 4)} | {
        ("replan", 4, 2),
        ("replan", 4, 4),
    }


def test_without_the_oracle_none_is_played():
    comparisons = comparison_settings(
        horizon_settings(CEM, {"name": "latent"}, [1, 2], 9, 0), 2, oracle=False, full=False
    )
    assert {one.role for one in comparisons} == {"samples", "replan", "cost"}


def test_every_other_registered_cost_is_played_with_the_weights_of_this_one_and_none_of_its_own_fields(
    monkeypatch,
):
    known = {**costs(), "far_sighted": LatentCost}
    monkeypatch.setattr("latent_mpc.agent.horizon.settings.costs", lambda: known)
    cost = {"name": "latent", "running": 0.5, "terminal": 2.0, "sharpness": 3.0}
    comparisons = comparison_settings(
        horizon_settings(CEM, cost, [2], 9, 0), 2, oracle=False, full=False
    )
    others = {one.label: one.cost for one in comparisons if one.role == "cost"}
    assert others == {
        "H = 2, learned cost-to-go": {"name": "cost_to_go", "running": 0.5, "terminal": 2.0},
        "H = 2, distance of what counts": {
            "name": "coordinates",
            "running": 0.5,
            "terminal": 2.0,
        },
        "H = 2, learned cost-to-go of what counts": {
            "name": "value",
            "running": 0.5,
            "terminal": 2.0,
        },
        "H = 2, far sighted": {"name": "far_sighted", "running": 0.5, "terminal": 2.0},
    }


def test_a_cost_that_the_checkpoint_has_not_learned_enough_for_is_left_out():
    comparisons = comparison_settings(
        horizon_settings(CEM, {"name": "latent"}, [2], 9, 0),
        2,
        oracle=False,
        full=False,
        usable=["cost_to_go", "latent"],
    )
    assert [one.cost["name"] for one in comparisons if one.role == "cost"] == ["cost_to_go"]


@pytest.mark.parametrize(
    ("planner", "count"),
    [
        ({"name": "cem", "horizon": 2}, 64 * 6),
        ({"name": "cem", "horizon": 2, "samples": 10, "iterations": 3, "execute": "mean"}, 30),
        ({"name": "random", "horizon": 2, "samples": 40, "iterations": 1}, 40),
    ],
)
def test_evaluations_are_samples_times_iterations(planner, count):
    assert evaluations(planner) == count


def test_the_cem_beside_another_planner_has_as_many_evaluations_and_its_horizon():
    mppi = {"name": "mppi", "horizon": 7, "samples": 30, "iterations": 4, "block": 1}
    assert evaluations(equal_cem(mppi)) == evaluations(mppi) == 120
    assert equal_cem(mppi)["horizon"] == 7


def test_more_or_fewer_samples_keep_the_share_of_elites_and_change_nothing_else():
    assert scaled(CEM, 0.25) == {**CEM, "samples": 16, "elites": 2}
    assert scaled({"name": "mppi", "horizon": 1, "samples": 4}, 0.25) == {
        "name": "mppi",
        "horizon": 1,
        "samples": 2,
    }
