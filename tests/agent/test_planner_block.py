"""A plan's block is the task's action_repeat: another one is refused, wherever it comes from, not
ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from latent_mpc.agent.build import build, make_agent
from latent_mpc.agent.checkpoints.checkpoint import load_parts, save_parts
from latent_mpc.agent.cli import main as cli

CONFIG: dict[str, Any] = {
    "format": 1,
    "task": {"name": "reacher", "action_repeat": 2, "size": 64},
    "obs": "state",
    "seed": 0,
    "model": {"embedding": 8, "latent": 8, "hidden": 16},
    "cost_to_go": {"hidden": 16, "metric": 8},
    "planner": {"name": "cem", "horizon": 2, "samples": 8, "elites": 4, "iterations": 1},
    "cost": {"name": "cost_to_go"},
    "spaces": {"state": [5]},
    "actions": 4,
    "data": {"fingerprint": "0123456789abcdef"},
}


def saved(folder: Path, **planner: int) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_parts(build({**CONFIG, "planner": {**CONFIG["planner"], **planner}}), folder)
    return folder


# left alone, as it was stored then, and what is used
@pytest.mark.parametrize("planner", [{}, {"block": 1}, {"block": 2}])
def test_a_checkpoint_that_stores_the_block_that_is_used_or_none_plans_in_blocks_of_action_repeat(
    planner: dict[str, int], tmp_path: Path
) -> None:
    assert make_agent(load_parts(saved(tmp_path, **planner))).planner.algorithm.block == 2


def test_another_block_is_refused_from_python(tmp_path: Path) -> None:
    parts = load_parts(saved(tmp_path))
    with pytest.raises(
        ValueError, match="planner.block must be the task's action_repeat, 2, got 7; leave it out"
    ):
        make_agent(parts, planner={"name": "cem", "block": 7})


@pytest.mark.parametrize("command", ["evaluate", "demo", "horizon"])
def test_another_block_is_refused_in_one_line_before_anything_is_written(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert (
        cli.main(
            [
                command,
                f"checkpoint={saved(tmp_path / 'run')}",
                "planner.block=7",
                "episodes=1",
                f"out={out}",
            ]
        )
        == 2
    )
    assert (
        capsys.readouterr().err
        == "latent-mpc: planner.block must be the task's action_repeat, 2, got 7; leave it out\n"
    )
    assert not out.exists()


def test_training_refuses_it_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert (
        cli.main(["train", "task=reacher", "task.action_repeat=2", "planner.block=7", f"out={out}"])
        == 2
    )
    assert "planner.block must be the task's action_repeat, 2, got 7" in capsys.readouterr().err
    assert not out.exists()
