"""The plan's length where `train` chooses it: by the validation pairs, the shortest of the best."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from latent_mpc.agent.commands import train


@pytest.mark.parametrize(
    ("asked", "reached", "played", "kept"),
    [
        (0, {3: 1.0}, [3], 3),  # nothing is left to gain
        (0, {3: 0.92, 5: 1.0}, [3, 5], 5),
        (0, {3: 0.9, 5: 0.96, 8: 0.98}, [3, 5, 8], 8),
        (0, {3: 0.8, 5: 0.7, 8: 0.8}, [3, 5, 8], 3),  # of equals the shortest
        (4, {4: 0.5}, [4], 4),  # what is asked for stays
    ],
)
def test_the_shortest_plan_of_those_that_reach_most_is_kept(monkeypatch, asked, reached, played, kept):
    parts = SimpleNamespace(config={"planner": {"name": "cem", "horizon": 3}, "cost": {}})

    def measure(agent, task, episodes, pairs, planner, cost):
        assert (episodes, pairs.seed, planner["horizon"]) == (50, 0, agent.planner.horizon)
        return {"horizon": planner["horizon"], "success_end": {"rate": reached[planner["horizon"]]}}

    monkeypatch.setattr(train, "measure", measure)
    monkeypatch.setattr(train, "make_agent", lambda parts, seed: SimpleNamespace(planner=SimpleNamespace(**parts.config["planner"])))
    config = SimpleNamespace(planner=SimpleNamespace(horizon=asked), validation_episodes=50, seed=0)
    result = train.validate(parts, None, config)
    assert result["horizons"] == {horizon: reached[horizon] for horizon in played}
    assert result["horizon"] == parts.config["planner"]["horizon"] == kept
