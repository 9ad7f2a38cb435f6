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
    """Of 10 pairs and 1 000 steps, `end` at the goal at the end, and all of them at the goal for
    this share of the steps.
    """
    reached = np.zeros((1001, 10), bool)
    reached[1 : 1 + round(1000 * there)] = True
    reached[-1] = np.arange(10) < end
    return Outcome(np.zeros((1001, 10, 1)), reached, np.zeros((1001, 10)), [])


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
        ((4,), {4: (5, 0.5)}, [4], 4),  # what is asked for stays
    ],
)
def test_the_plan_length_that_reaches_most_soonest_is_kept(monkeypatch, lengths, told, tried, kept):
    parts = SimpleNamespace(config={"planner": {"name": "cem", "horizon": 3}})
    monkeypatch.setattr(
        horizon_selection, "make_agent", lambda parts, seed: parts.config["planner"]["horizon"]
    )
    monkeypatch.setattr(
        horizon_selection, "play", lambda agent, task, pairs, steps, progress: outcomes[agent]
    )
    outcomes = {horizon: played(*one) for horizon, one in told.items()}
    found = horizon_selection.play_lengths(
        parts, SimpleNamespace(name="maze"), Pairs([], 1000, 0, {}), seed=0, horizons=lengths
    )
    assert (list(found), parts.config["planner"]["horizon"]) == (tried, kept)
    assert found == {horizon: outcomes[horizon] for horizon in tried}


@pytest.mark.parametrize(
    ("coordinates", "kept"),
    [
        ({3: (9, 0.1), 5: (8, 0.9)}, ("coordinates", 3)),
        ({3: (8, 0.5), 5: (8, 0.81)}, ("coordinates", 5)),  # as many, sooner
        ({3: (8, 0.7), 5: (7, 0.9)}, ("cost_to_go", 5)),  # of equals the config's own
    ],
)
def test_the_cost_that_reaches_most_soonest_is_kept_with_its_length(coordinates, kept):
    own = {3: played(5, 0.9), 5: played(8, 0.7)}
    other = {horizon: played(*one) for horizon, one in coordinates.items()}
    assert horizon_selection.best_cost({"cost_to_go": own, "coordinates": other}) == kept
