"""A task made of a model, from the command line to a checkpoint: completed once, stored whole, and
nothing outside the folder is read.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from latent_mpc.agent.build import Parts, build, make_task, open_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts, save_parts
from latent_mpc.agent.cli.commands.train import open_rollouts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.training.pipeline import describe
from latent_mpc.configs.schema import TrainConfig
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.task import Task

ARM = str(Path(__file__).parents[2] / "docs" / "examples" / "three_joint_arm.xml")
SMALL = [
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "cost_to_go.hidden=16",
    "planner.samples=16",
]
SAID = [
    "task.control_period=0.1",
    "task.episode_steps=20",
    "task.success=[turn:0.2,elbow:0.3]",
    "task.camera=view:0:0:0.4:2:90:-20",
]


@pytest.fixture
def opened() -> tuple[TrainConfig, Task]:
    """The arm, all that could follow from probing given."""
    config = compose_config("train", ["task=mjcf", f"task.xml={ARM}", *SAID, *SMALL])
    task, completed = open_task(config.task, config.observations)
    return replace(config, task=completed), task


def saved(folder: Path, opened: tuple[TrainConfig, Task], **changes: Any) -> Parts:
    config, task = opened
    content = describe(config, task)
    content["task"] |= task.keep(folder) | changes
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = build(content | {"data": {"fingerprint": "0" * 16}})
    save_parts(parts, folder)
    return parts


def test_a_checkpoint_stands_alone_with_the_model_and_all_that_was_chosen(
    tmp_path: Path, opened: tuple[TrainConfig, Task]
) -> None:
    saved(tmp_path / "before", opened)
    (tmp_path / "before").rename(tmp_path / "moved")
    task = make_task(load_parts(tmp_path / "moved").config)
    before = opened[1].settings()
    assert task.settings() == before | {
        "xml": str(tmp_path / "moved" / "mjcf" / "three_joint_arm.xml")
    }
    assert (before["success"], before["episode_steps"]) == (["turn:0.2", "elbow:0.3"], 20)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"xml": "../../secret.xml"},
            "config.yaml: task.xml must lie within the checkpoint, got '../../secret.xml'",
        ),
        ({"xml": ARM}, "config.yaml: task.xml must lie within the checkpoint, got '/"),
        ({"success": [1]}, r"task.success must be a list: \[A,B\], got \[1\]"),
        ({"success": "turn"}, r"task.success must be a list: \[A,B\], got 'turn'"),
        ({"episode_steps": -1}, "task: episode_steps must be at least 0, got -1"),
        (
            {"colour": "red"},
            "no key 'colour' in task; there are: name, action_repeat, size, distractor,",
        ),
    ],
)
def test_a_checkpoint_whose_task_was_tampered_with_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path, opened: tuple[TrainConfig, Task]
) -> None:
    saved(tmp_path, opened, **changes)
    with pytest.raises(ValueError, match=said):
        load_parts(tmp_path)


def test_rollouts_of_another_control_period_are_refused(
    tmp_path: Path, opened: tuple[TrainConfig, Task]
) -> None:
    config, task = opened
    collect(
        "mjcf",
        config.task.options(),
        ("state",),
        BehaviourConfig(),
        1,
        0,
        tmp_path / "data",
        workers=1,
        progress=False,
        steps=3,
    )
    given = replace(config, data=str(tmp_path / "data"))
    assert len(open_rollouts(given, task)) == 1
    # a field of this task's config, not of every one
    slower: dict[str, Any] = {"control_period": 0.05}
    other = replace(given, task=replace(config.task, **slower))
    with pytest.raises(
        ValueError,
        match=(
            "must hold rollouts with task.control_period=0.05, it holds 0.1; give that or other"
            " data"
        ),
    ):
        open_rollouts(other, task)
