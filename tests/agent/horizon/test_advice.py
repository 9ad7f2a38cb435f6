"""The advice's rules, on outcomes whose answer one sees."""

import numpy as np
import pytest

from latent_mpc.agent.evaluation.paired import paired_difference
from latent_mpc.agent.evaluation.statistics import rate
from latent_mpc.agent.horizon.advice import (
    best_of,
    diagnose_bottleneck,
    fastest_close,
    longer_horizon_effect,
    pareto,
    smallest_within,
)


def outcome(horizon, reached, pairs=50, role="horizon", label=None):
    end = [1] * reached + [0] * (pairs - reached)
    told = {
        "role": role,
        "horizon": horizon,
        "label": label or f"H = {horizon}",
        "evaluations": 384,
        "end": end,
    }
    return {
        **told,
        "success_end": rate(np.array(end, bool)),
        "success_any": rate(np.array(end, bool)),
    }


RUNGS = [outcome(1, 20), outcome(2, 44), outcome(3, 48), outcome(5, 48), outcome(8, 30)]


def test_the_best_horizon_reaches_most_and_is_the_shortest_of_equal_ones():
    assert best_of(RUNGS)["horizon"] == 3


def test_the_advised_horizon_is_the_shortest_within_the_interval_of_the_best():
    """Wilson's interval of 48 of 50 is 86.5 to 98.9 %: 44 of 50 lies within it, 43 of 50 does
    not.
    """
    assert smallest_within(RUNGS)["horizon"] == 2
    assert smallest_within([outcome(1, 20), outcome(2, 43), outcome(3, 48)])["horizon"] == 3


def test_the_fastest_setting_is_sought_among_those_within_two_points_of_the_best():
    settings = [outcome(1, 90, 100), outcome(2, 96, 100), outcome(3, 98, 100), outcome(4, 97, 100)]
    times = {"H = 1": 1.0, "H = 2": 3.0, "H = 3": 4.0, "H = 4": 2.0}
    assert fastest_close(settings, times)["horizon"] == 4
    assert fastest_close(settings, {**times, "H = 4": 9.0})["horizon"] == 2


def test_the_front_is_what_no_setting_beats_in_both_by_comparing_all_with_all():
    rng = np.random.default_rng(0)
    settings = [outcome(i, int(rng.integers(51))) for i in range(40)]
    times = {one["label"]: float(t) for one, t in zip(settings, rng.permutation(40), strict=True)}
    beaten = {
        a["label"]
        for a in settings
        for b in settings
        if b is not a
        and b["success_end"]["rate"] >= a["success_end"]["rate"]
        and times[b["label"]] < times[a["label"]]
    }
    assert set(pareto(settings, times)) == {one["label"] for one in settings} - beaten


def model_and_cost(share, ranks):
    curves = {"model": [share] * 5, "copy": [1.0] * 5}
    return {"latent": curves}, {"spearman": {"cost_to_go": {"all": ranks}}}


@pytest.mark.parametrize(
    ("reached", "oracle", "more", "share", "ranks", "what", "why"),
    [
        (
            48,
            None,
            None,
            0.5,
            0.5,
            "nothing",
            "H = 3 reaches 96 % of the goals; too few are missed",
        ),
        (
            50,
            None,
            None,
            0.5,
            0.5,
            "nothing",
            "H = 3 reaches every goal of the pairs that the choice was made on",
        ),
        (
            46,
            24,
            None,
            0.5,
            0.5,
            "nothing",
            "The agent's 92 % lie within the interval of the oracle's 100 % (86 to 100)",
        ),
        (
            30,
            24,
            42,
            0.5,
            0.5,
            "planner",
            "1536 instead of 384 evaluations reach 24 % more of the goals",
        ),
        (
            36,
            20,
            36,
            0.5,
            0.5,
            "planner",
            "the same planner reaches 83 % (64 to 93), not measurably more",
        ),
        (
            10,
            24,
            10,
            0.5,
            0.9,
            "model",
            (
                "The model lacks more: its error 3 steps ahead is 50 % of that of copying the last"
                " state"
            ),
        ),
        (
            10,
            24,
            10,
            0.2,
            0.6,
            "cost",
            "The cost lacks more: its rank correlation with the true steps is 0.60",
        ),
        (10, None, None, 0.2, 0.6, "cost", "The cost lacks more"),
    ],
)
def test_the_first_rule_that_holds_says_what_limits_success(
    reached, oracle, more, share, ranks, what, why
):
    best = outcome(3, reached)
    reference = None if oracle is None else outcome(3, oracle, 24, "oracle")
    larger = None if more is None else {**outcome(3, more, role="samples"), "evaluations": 1536}
    result = diagnose_bottleneck(
        best, reference, larger, *model_and_cost(share, ranks), "cost_to_go"
    )
    assert result["what"] == what
    assert why in result["why"]
    assert result["rests_on"]["success"] == reached / 50


def test_what_lies_beyond_the_best_horizon_is_put_down_to_model_or_search_by_what_the_oracle_does_there():
    best, position = outcome(3, 50), {"unit": "m", "mlp": {"model": [0.01, 0.02, 0.03, 0.04]}}
    assert (
        "was the longest that was tried" in longer_horizon_effect(best, best, None, position)["why"]
    )
    assert (
        "which is not measurable"
        in longer_horizon_effect(best, outcome(8, 50), None, position)["why"]
    )
    lost = longer_horizon_effect(best, outcome(8, 20), outcome(8, 8, 8, "oracle"), position)
    assert "H = 8 instead of H = 3 changes success at the end by -60 points" in lost["why"]
    assert (
        "errors of imagination add up over a long plan: 0.03 m after 3 steps, 0.04 m after 4 steps"
        in lost["why"]
    )
    assert lost["difference"]["high"] < 0
    assert (
        "the search is too small"
        in longer_horizon_effect(best, outcome(8, 20), outcome(8, 3, 8, "oracle"), position)["why"]
    )


def test_the_interval_of_a_paired_difference_is_the_normal_one_for_many_pairs_and_a_point_for_a_constant_one():
    rng = np.random.default_rng(1)
    one, other = rng.random(400) < 0.8, rng.random(400) < 0.6
    result = paired_difference(one, other)
    difference = one.astype(float) - other
    half = 1.96 * difference.std() / 20
    assert result["mean"] == pytest.approx(difference.mean())
    assert (result["low"], result["high"]) == (
        pytest.approx(result["mean"] - half, abs=0.01),
        pytest.approx(result["mean"] + half, abs=0.01),
    )
    assert paired_difference([1, 1, 0], [0, 0, -1]) == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert result == paired_difference(one, other)


@pytest.mark.parametrize(("one", "other"), [([1], [1, 0]), ([], [])])
def test_outcomes_of_different_numbers_of_pairs_are_refused(one, other):
    with pytest.raises(ValueError, match=f"at least one, got {len(one)} and {len(other)}"):
        paired_difference(one, other)
