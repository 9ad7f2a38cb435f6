"""The plan's length where `train` chooses it: by success on the validation pairs, then by the time spent at the goal."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from latent_mpc.agent.commands import train


@pytest.mark.parametrize(
    ("asked", "reached", "there", "kept"),
    [
        (0, (0.9, 0.96, 0.98), (0.9, 0.8, 0.7), 8),  # success first
        (0, (1.0, 1.0, 0.9), (0.80, 0.846, 0.9), 5),  # of equals who is there sooner
        (0, (0.9, 0.8, 0.9), (0.801, 0.8, 0.804), 3),  # to the percent: of equals the shortest
        (4, (0.5,), (0.5,), 4),  # what is asked for stays
    ],
)
def test_the_plan_length_that_reaches_most_soonest_is_kept(monkeypatch, asked, reached, there, kept):
    parts = SimpleNamespace(config={"planner": {"name": "cem", "horizon": 3}, "cost": {}})
    lengths = (asked,) if asked else train.HORIZONS
    told = {length: {"success_end": rate, "time_at_goal": time} for length, rate, time in zip(lengths, reached, there, strict=True)}

    def measure(agent, task, episodes, pairs, planner, cost):
        assert (episodes, pairs.seed, planner["horizon"]) == (50, 0, agent.planner.horizon)
        one = told[planner["horizon"]]
        return {"horizon": planner["horizon"], "success_end": {"rate": one["success_end"]}, "time_at_goal": one["time_at_goal"]}

    monkeypatch.setattr(train, "measure", measure)
    monkeypatch.setattr(train, "make_agent", lambda parts, seed: SimpleNamespace(planner=SimpleNamespace(**parts.config["planner"])))
    config = SimpleNamespace(planner=SimpleNamespace(horizon=asked), validation_episodes=50, seed=0)
    result = train.validate(parts, None, config)
    assert result["horizons"] == told
    assert result["horizon"] == parts.config["planner"]["horizon"] == kept
