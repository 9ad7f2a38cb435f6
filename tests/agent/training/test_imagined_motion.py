"""Imagined motion of what counts: a model that knows it, one that copies, and data in which nothing
moves.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc.agent.heads.head import FrozenData
from latent_mpc.agent.training.imagined_motion import STEPS, about, imagined_motion

EPISODES, LENGTH = 20, 30


def report(knows: float, moving: float = 1.0) -> dict[str, Any] | None:
    """Of a point pushed about in the first half of each episode, by a model that imagines `knows`
    of each push.
    """
    rng = np.random.default_rng(0)
    actions = rng.choice([-1.0, 1.0], (EPISODES, LENGTH, 1)) * moving
    actions[:, LENGTH // 2 :] = 0
    at = np.cumsum(np.concatenate([np.zeros((EPISODES, 1, 1)), actions], axis=1), axis=1)[:, :-1]
    z = torch.as_tensor(at.reshape(-1, 1), dtype=torch.float32)
    last = np.repeat(np.arange(LENGTH - 1, EPISODES * LENGTH, LENGTH), LENGTH)
    rows = np.arange(len(z))
    rollouts = SimpleNamespace(
        keys=("action",),
        arrays={"action": actions.reshape(-1, 1).astype(np.float32)},
        gather=lambda at, keys: {"action": actions.reshape(-1, 1).astype(np.float32)[at]},
    )
    data = FrozenData(z, last, rows, rollouts)  # type: ignore[arg-type]
    model = SimpleNamespace(
        rollout_ensemble=lambda z, plan: (z[:, None] + knows * plan.cumsum(dim=1))[None]
    )
    return imagined_motion(model, lambda z: z, data, np.random.default_rng(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(("knows", "over"), [(1.0, 0.0), (0.75, 0.25), (0.0, 1.0)])
def test_the_error_is_told_beside_that_of_copying(knows: float, over: float) -> None:
    found = report(knows)
    assert found is not None and found["steps"] == STEPS
    assert found["moving"]["over_copying"] == pytest.approx(over, abs=1e-3)
    assert found["moving"]["imagined"] == pytest.approx(knows * found["moving"]["moved"], abs=1e-3)
    assert 0 < found["moving"]["share"] < 1 and found["resting"]["error"] < 1


def test_a_model_that_hardly_beats_copying_is_warned_about() -> None:
    assert len(about(report(0.75))) == 1 and "off by 25% of what copying" in about(report(0.75))[0]
    assert "the model hardly imagines that motion" in about(report(0.2))[1]


def test_nothing_is_said_where_nothing_moves() -> None:
    assert report(1.0, moving=0.0) is None and about(None) == []
