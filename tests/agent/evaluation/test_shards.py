"""Pairs in shards, by one process and by several, against one another and against one batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc.agent.build import make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation import shards, spread
from latent_mpc.agent.evaluation.episodes import Outcome, play
from latent_mpc.agent.evaluation.evaluate import floor_ends
from latent_mpc.agent.evaluation.pairs import Pairs, draw_pairs
from latent_mpc.agent.evaluation.shards import Made, Played, play_in_shards
from latent_mpc.envs.collection import engines
from latent_mpc.envs.collection.engines import Engine, Local, make_engine
from latent_mpc.envs.collection.workers import Failed
from latent_mpc.envs.task import Task
from tests.factories import write_checkpoint

SMALL = (
    "model.hidden=16 model.latent=8 model.embedding=8 cost_to_go.hidden=16 cost_to_go.metric=8"
    " planner.samples=16 planner.iterations=2 planner.elites=4 planner.horizon=3"
)


class Refusing(Local):
    """Can do nothing."""

    has_to_pay = False

    def run(self, start: Any, numbers: Any, count: int, patience: float) -> Any:
        yield from (Failed("no") for _ in numbers)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "reacher"
    return write_checkpoint(folder, ["task=reacher", *SMALL.split()])


def evaluated(checkpoint: Path, engine: Engine, size: int = 2) -> Played:
    config = compose_config("evaluate", [f"checkpoint={checkpoint}", "planner.horizon=3"])
    parts = load_parts(str(checkpoint), torch.device("cpu"))
    task = make_task(parts.config)
    agent = make_agent(parts, planner=vars(config.planner), cost=vars(config.cost))
    made = Made(str(checkpoint), vars(config.planner), vars(config.cost), config.seed)
    return play_in_shards(agent, task, five(task), made, engine, size)


def five(task: Task) -> Pairs:
    """Pairs of short episodes."""
    return replace(draw_pairs(task, 5, 7), steps=10)


def same(one: Played, other: Played) -> None:
    np.testing.assert_array_equal(one.outcome.states, other.outcome.states)
    np.testing.assert_array_equal(one.outcome.distance, other.outcome.distance)
    assert {name: end.tolist() for name, end in one.floors.items()} == {
        name: end.tolist() for name, end in other.floors.items()
    }


def test_processes_play_what_one_plays_and_what_they_cannot_is_played_here(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = evaluated(checkpoint, Local())
    same(here, evaluated(checkpoint, Refusing()))
    monkeypatch.setattr(spread, "WORTH", 0)
    monkeypatch.setattr(engines, "usable_cores", lambda: 2)
    monkeypatch.setattr(shards, "play_shard", lambda *_, **__: pytest.fail("played here"))
    same(here, evaluated(checkpoint, make_engine("local")))


def test_shards_draw_what_one_batch_draws(checkpoint: Path) -> None:
    parts = load_parts(str(checkpoint), torch.device("cpu"))
    task = make_task(parts.config)
    pairs = five(task)
    agent = make_agent(parts, planner={**parts.config["planner"], "horizon": 3})
    whole = play(agent, task, pairs.pairs, pairs.steps)
    parted = evaluated(checkpoint, Local())
    np.testing.assert_allclose(parted.outcome.states, whole.states, atol=1e-4)
    assert parted.outcome.states.shape == whole.states.shape
    assert parted.outcome.batch == 2 and len(parted.outcome.decision_s) == pairs.steps
    assert [len(one) for one in parted.outcome.infeasible] == [5] * len(whole.infeasible)
    ends = floor_ends(task, pairs)
    assert {name: end.tolist() for name, end in parted.floors.items()} == {
        name: end.tolist() for name, end in ends.items()
    }


def test_batches_are_joined_episode_by_episode() -> None:
    def batch(first: int, count: int) -> Outcome:
        numbers = np.arange(first, first + count)
        states = np.broadcast_to(numbers[None, :, None], (3, count, 1)).astype(float)
        return Outcome(
            states,
            states[..., 0] > 1,
            states[..., 0],
            [float(first)] * 2,
            [numbers > 0] * 2,
            [numbers > 1] * 2,
            count,
        )

    joined = Outcome.join([batch(0, 2), batch(2, 1)])
    assert joined.states[..., 0].tolist() == joined.distance.tolist() == [[0, 1, 2]] * 3
    assert joined.end.tolist() == [False, False, True]
    assert [one.tolist() for one in joined.infeasible] == [[False, True, True]] * 2
    assert [one.tolist() for one in joined.fell_back] == [[False, False, True]] * 2
    assert (joined.decision_s, joined.batch) == ([0.0, 0.0], 2)


def test_an_unknown_engine_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="no engine 'rey'; there are: local, ray"):
        make_engine("rey")
