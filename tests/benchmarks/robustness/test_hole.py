"""`python -m benchmarks.robustness.hole` with a tiny budget: the hole is cut out of the data, and
members are compared inside and outside.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.robustness import hole
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.models.jepa import Jepa
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.reader import Rollouts
from tests.benchmarks.tables.test_rounds import TINY

NAME = "pointmaze-open"
INSIDE = hole.HOLES[NAME]


@pytest.mark.slow
def test_a_hole_is_cut_and_members_are_compared_across_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"EPISODES": 12, "PAIRS": 3, "WEIGHTS": (0.0, 30.0)}.items():
        monkeypatch.setattr(hole, name, value)
    hole.main(str(tmp_path), NAME, *TINY, "validation_episodes=2")
    written = capsys.readouterr().out
    assert "3 pairs" in written
    assert len(written.partition("steps inside\n")[2].splitlines()) == 2

    task, whole, left = make(NAME), Rollouts(tmp_path / "all"), Rollouts(tmp_path / "hole")
    assert INSIDE(task.qpos_qvel(whole.arrays["physics"])[0]).any()
    assert not INSIDE(task.qpos_qvel(left.arrays["physics"])[0]).any()

    parts = load_parts(tmp_path / "run")
    there, elsewhere, share = hole.members_apart(parts, whole, task, INSIDE)
    assert min(there, elsewhere) > 0
    assert 0 < share < 1
    within = torch.as_tensor(INSIDE(task.qpos_qvel(whole.arrays["physics"])[0]))

    def rollout_ensemble(model: Jepa, z: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        """Two members that lie 4 apart inside the hole and 2 outside."""
        off = torch.where(within, 2.0, 1.0)[:, None, None].expand(-1, 1, z.shape[-1])
        return torch.stack([off, -off])

    monkeypatch.setattr(Jepa, "rollout_ensemble", rollout_ensemble)
    assert hole.members_apart(parts, whole, task, INSIDE) == pytest.approx((2.0, 1.0, 1.0))
    assert np.isclose(
        hole.members_apart(parts, whole, task, lambda position: ~INSIDE(position))[2], 0.0
    )
