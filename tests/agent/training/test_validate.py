"""Validation chooses between two costs where a task says what counts, and leaves others alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc.agent.checkpoints.validation import check_config
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation import horizon_selection, shards
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.agent.training import pipeline
from latent_mpc.envs.reacher import Reacher

TINY = ["task=reacher", "model.hidden=16", "model.latent=8", "model.embedding=8"]


class Arm(Reacher):
    """Only where its joints are counts."""

    def counted(self, states: np.ndarray) -> np.ndarray:
        return np.stack([self.qpos_qvel(state)[0] for state in states])


def validate(
    monkeypatch: pytest.MonkeyPatch, task: Reacher, best: str, *words: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `results.json` and the checkpoint's config get where plans with one cost reach all, and
    others half.
    """

    def play(agent: str, *given: Any, progress: str) -> Any:
        return SimpleNamespace(end=np.ones(2) if agent == best else np.arange(2), time_at_goal=0.5)

    monkeypatch.setattr(
        horizon_selection, "make_agent", lambda parts, seed: parts.config["cost"]["name"]
    )
    monkeypatch.setattr(horizon_selection, "play", play)
    monkeypatch.setattr(
        pipeline, "measure", lambda *given, outcome: {"cost": dict(given[5]), "best": outcome}
    )
    config = compose_config("train", [*TINY, *words])
    parts = pipeline.initialise(pipeline.describe(config, task), 0)
    check_config({**parts.config, "data": {"fingerprint": "0"}})
    return pipeline.validate(parts, task, config, Pairs([], 0, 0, {})), parts.config


def test_the_better_cost_is_kept_with_the_weights_of_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result, config = validate(monkeypatch, Arm(), "coordinates", "cost.running=0.5")
    assert config["counted"] == 2 and config["planner"]["horizon"] == 3
    assert config["cost"]["name"] == result["cost"]["name"] == "coordinates"
    assert config["cost"]["running"] == 0.5
    assert {name: some[3]["success_end"] for name, some in result["costs"].items()} == {
        "cost_to_go": 0.5,
        "value": 0.5,
        "coordinates": 1.0,
    }
    assert result["horizons"] == result["costs"]["coordinates"]
    assert result["best"].end.all()


def test_the_learned_cost_stays_where_it_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    result, config = validate(monkeypatch, Arm(), "cost_to_go")
    assert config["cost"]["name"] == "cost_to_go"
    assert "costs" not in result, "as it reaches nearly all, no other one is tried"


@pytest.mark.parametrize(
    ("task", "words"),
    [(Arm, ["other_costs=[]"]), (Arm, ["cost=latent"]), (Reacher, [])],
)
def test_nothing_else_is_tried_where_it_is_not_asked_for_or_nothing_is_counted(
    monkeypatch: pytest.MonkeyPatch, task: type[Reacher], words: list[str]
) -> None:
    result, config = validate(monkeypatch, task(), "coordinates", *words)
    assert result.keys() == {"cost", "best", "horizons"}
    assert config["cost"]["name"] != "coordinates" and ("counted" in config) == (task is Arm)


@pytest.mark.parametrize("counted", [-1, True, "2", 1.5])
def test_another_count_is_refused(counted: object) -> None:
    config = pipeline.describe(compose_config("train", TINY), Reacher())
    with pytest.raises(ValueError, match="counted must be a whole number, at least 0, got"):
        check_config({**config, "data": {"fingerprint": "0"}, "counted": counted})


def test_longer_plans_are_tried_where_an_object_has_to_be_pushed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Pushed(Arm):
        pushes = True

    for task, lengths in ((Arm(), [3, 5]), (Pushed(), [5, 8])):
        result, _ = validate(monkeypatch, task, "coordinates")
        assert list(result["horizons"]) == lengths


def test_processes_play_with_the_planner_and_cost_that_are_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the folder's weights; longer plans only while they are better."""
    asked: list[shards.Made] = []

    def in_shards(
        agent: Any, task: Any, pairs: Any, made: shards.Made, *_: Any, **named: Any
    ) -> Any:
        asked.append(made)
        assert not named["floors"]
        return shards.Played(SimpleNamespace(end=np.ones(2), time_at_goal=0.5), {})  # type: ignore[arg-type]

    monkeypatch.setattr(pipeline, "play_in_shards", in_shards)
    monkeypatch.setattr(pipeline, "measure", lambda *given, outcome: {})
    config, task = compose_config("train", [*TINY, "seed=3"]), Reacher()
    parts = pipeline.initialise(pipeline.describe(config, task), 0)
    pipeline.validate(parts, task, config, Pairs([], 0, 0, {}), tmp_path)
    assert [made.planner["horizon"] for made in asked] == [3, 5]
    assert parts.config["planner"]["horizon"] == 3
    for made in asked:
        assert (made.checkpoint, made.seed, made.task_id) == (str(tmp_path), 3, "")
        assert made.cost["name"] == "cost_to_go" and made.planner["name"] == "cem"


@pytest.mark.parametrize(("obs", "threads"), [("state", 1), ("pixels", 2)])
def test_a_model_of_states_is_trained_on_one_thread(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, obs: str, threads: int
) -> None:
    class Done(Exception):
        pass

    def learn(*_: Any) -> None:
        assert torch.get_num_threads() == threads
        raise Done

    monkeypatch.setattr(pipeline, "with_features", lambda rollouts, model: rollouts)
    monkeypatch.setattr(pipeline, "train_world_model", learn)
    config, task = compose_config("train", [*TINY, f"obs={obs}"]), Reacher(obs=obs)
    parts, before = pipeline.initialise(pipeline.describe(config, task), 0), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(Done):
            pipeline.train(parts, task, None, config, tmp_path)  # type: ignore[arg-type]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
