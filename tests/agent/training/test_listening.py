"""Whether a model listens to its actions: one that does, one that is deaf, one that copies."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc.agent.heads.head import FrozenData
from latent_mpc.agent.training.listening import about, held_out, listening

EPISODES, LENGTH = 20, 30


def report(hears: float, reader: Any = None, rows: np.ndarray | None = None) -> dict[str, Any]:
    """Of a point pushed about, left alone in the second half of each episode, by a model that hears
    so much of each push.
    """
    rng = np.random.default_rng(0)
    actions = rng.choice([-1.0, 1.0], (EPISODES, LENGTH, 1))
    actions[:, LENGTH // 2 :] = 0
    at = np.cumsum(np.concatenate([np.zeros((EPISODES, 1, 1)), actions], axis=1), axis=1)[:, :-1]
    flat = actions.reshape(-1, 1).astype(np.float32)
    z = torch.as_tensor(at.reshape(-1, 1), dtype=torch.float32)
    rollouts = SimpleNamespace(
        keys=("action",), arrays={"action": flat}, gather=lambda at, keys: {"action": flat[at]}
    )
    last = np.repeat(np.arange(LENGTH - 1, EPISODES * LENGTH, LENGTH), LENGTH)
    data = FrozenData(z, last, np.arange(len(z)), rollouts)  # type: ignore[arg-type]
    model = SimpleNamespace(
        rollout_ensemble=lambda z, plan: (z[:, None] + hears * plan.cumsum(dim=1))[None]
    )
    rows = held_out(data, np.array([0, 3])) if rows is None else rows
    found = listening(model, data, reader, rows, np.random.default_rng(1))  # type: ignore[arg-type]
    assert found is not None
    return found


def test_a_model_that_listens_loses_much_by_others_actions() -> None:
    found = report(0.9)
    assert [found[k]["over_copying"] for k in ("1", "5")] == pytest.approx([0.1, 0.1], rel=1e-4)
    # in half of the windows of the first half others' push is the opposite
    assert found["1"]["shuffled"] > 50
    assert found["warnings"] == [] and len(about(found)) == 1


def test_a_deaf_one_is_warned_of() -> None:
    found = report(0.0)
    assert found["5"] == {"shuffled": 1.0, "over_copying": 1.0}
    deaf, copies = found["warnings"]
    assert "hardly listens to its actions" in deaf and "1.00 times" in deaf
    assert "100% of what copying" in copies
    assert about(found)[1:] == [deaf, copies]


def test_moving_and_resting_windows_stand_apart() -> None:
    found = report(0.5, reader=lambda z: z)
    moving, resting = found["5"]["moving"], found["5"]["resting"]
    assert moving["share"] + resting["share"] == pytest.approx(1)
    assert moving["over_copying"] == pytest.approx(0.5, rel=1e-4)


def test_only_the_rows_given_count() -> None:
    data = SimpleNamespace(last=np.array([2, 2, 2, 5, 5, 5, 8, 8, 8]))
    assert held_out(data, np.array([1])).tolist() == [3, 4, 5]  # type: ignore[arg-type]
    assert about(None) == []
