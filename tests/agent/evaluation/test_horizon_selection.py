"""The plan's length where `train` chooses it: by success on the validation pairs, then by the time
spent at the goal.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from latent_mpc.agent.evaluation import horizon_selection
from latent_mpc.agent.evaluation.episodes import Outcome
from latent_mpc.agent.evaluation.pairs import Pairs


def played(end: int, there: float) -> Outcome:
    """Of 10 pairs, or of 20 where more than 10 arrive, and 1 000 steps, `end` at the goal at the
    end, and all of them at the goal for this share of the steps.
    """
    count = 10 if end <= 10 else 20
    reached = np.zeros((1001, count), bool)
    reached[1 : 1 + round(1000 * there)] = True
    reached[-1] = np.arange(count) < end
    return Outcome(np.zeros((1001, count, 1)), reached, np.zeros((1001, count)), [])


@pytest.mark.parametrize(
    ("lengths", "told", "tried", "kept"),
    [
        # success first, and tried to the end for it
        ((3, 5, 8), {3: (9, 0.9), 5: (8, 0.8), 8: (10, 0.7)}, [3, 5, 8], 8),
        # of equals who is there sooner
        ((3, 5, 8), {3: (10, 0.8), 5: (10, 0.846), 8: (10, 0.84)}, [3, 5, 8], 5),
        # to the percent; nothing is left to gain
        ((3, 5, 8), {3: (10, 0.801), 5: (10, 0.803)}, [3, 5], 3),
        ((3, 5, 8), {3: (9, 0.8), 5: (10, 0.8), 8: (9, 0.9)}, [3, 5, 8], 5),
        # of 20 pairs 19 are nearly all
        ((3, 5, 8), {3: (19, 0.8), 5: (18, 0.9)}, [3, 5], 3),
        ((4,), {4: (5, 0.5)}, [4], 4),  # what is asked for stays
    ],
)
def test_the_plan_length_that_reaches_most_soonest_is_kept(monkeypatch, lengths, told, tried, kept):
    parts = settings()
    outcomes = play_as_told(monkeypatch, {"cost_to_go": told})
    found = horizon_selection.play_lengths(
        parts, SimpleNamespace(name="maze"), Pairs([], 1000, 0, {}), seed=0, horizons=lengths
    )
    assert (list(found), parts.config["planner"]["horizon"]) == (tried, kept)
    assert found == {horizon: outcomes["cost_to_go", horizon] for horizon in tried}


@pytest.mark.parametrize(
    ("own", "other", "tried", "kept"),
    [
        # only the better cost plays longer plans
        (
            {3: (5, 0.5)},
            {3: (9, 0.1), 5: (8, 0.9), 8: (7, 0.9)},
            [[3], [3, 5, 8]],
            ("coordinates", 3),
        ),
        (
            {3: (8, 0.7), 5: (9, 0.7), 8: (9, 0.6)},
            {3: (8, 0.6)},
            [[3, 5, 8], [3]],
            ("cost_to_go", 5),
        ),
        # as many, sooner
        (
            {3: (9, 0.5)},
            {3: (9, 0.6), 5: (9, 0.6), 8: (9, 0.6)},
            [[3], [3, 5, 8]],
            ("coordinates", 3),
        ),
        # nearly all are reached: no other is tried
        ({3: (10, 0.5), 5: (10, 0.4)}, {}, [[3, 5], []], ("cost_to_go", 3)),
        # of equals the config's own
        (
            {3: (8, 0.7), 5: (7, 0.9), 8: (0, 0.0)},
            {3: (8, 0.7)},
            [[3, 5, 8], [3]],
            ("cost_to_go", 3),
        ),
    ],
)
def test_the_cost_that_reaches_most_soonest_is_kept_with_its_length(
    monkeypatch, own, other, tried, kept
):
    parts = settings()
    outcomes = play_as_told(monkeypatch, {"cost_to_go": own, "coordinates": other})
    costs = [{"name": "cost_to_go", "running": 2.0}, {"name": "coordinates", "running": 2.0}]
    found = horizon_selection.play_settings(
        parts, SimpleNamespace(name="maze"), Pairs([], 1000, 0, {}), seed=0, costs=costs
    )
    assert [list(found.get(name, ())) for name in ("cost_to_go", "coordinates")] == tried
    assert (parts.config["cost"]["name"], parts.config["planner"]["horizon"]) == kept
    assert parts.config["cost"] in costs
    assert all(
        one is outcomes[name, horizon]
        for name, some in found.items()
        for horizon, one in some.items()
    )


def settings() -> SimpleNamespace:
    """The parts of an agent, as far as they are chosen."""
    return SimpleNamespace(
        config={"planner": {"name": "cem", "horizon": 3}, "cost": {"name": "cost_to_go"}}
    )


def play_as_told(monkeypatch, told) -> dict[tuple[str, int], Outcome]:
    """Playing with a cost and plans of a length does what `told` says of it."""
    outcomes = {
        (name, horizon): played(*one)
        for name, some in told.items()
        for horizon, one in some.items()
    }
    monkeypatch.setattr(
        horizon_selection,
        "make_agent",
        lambda parts, seed: (parts.config["cost"]["name"], parts.config["planner"]["horizon"]),
    )
    monkeypatch.setattr(
        horizon_selection, "play", lambda agent, task, pairs, steps, progress: outcomes[agent]
    )
    return outcomes
