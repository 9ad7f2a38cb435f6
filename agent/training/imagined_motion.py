"""Whether the model imagines that what counts moves: open-loop errors on the rollouts beside those
of copying the last state, apart where it moves and where it rests. A latent can hold an object to
the millimetre and still imagine that nothing moves it.

Shapes: W windows, K model steps ahead, C numbers on which success depends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent.heads.head import FrozenData
from latent_mpc.agent.heads.reader import Reader
from latent_mpc.agent.heads.value import usual_change
from latent_mpc.agent.models.base import WorldModel

STEPS = 5  # K
WINDOWS = 4096
POOR = 0.5  # of copying's error: from here on the model hardly imagines what moves


@torch.no_grad()
def imagined_motion(
    model: WorldModel, reader: Reader, data: FrozenData, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Roots of mean squares, all in usual steps of what counts (`usual_change`).

    Returns `{"steps": K, "moving": part, "resting": part}`; a part is `{"share", "moved",
    "imagined", "error", "over_copying"}`: its share of the windows, how far what counts came in K
    steps, how far the model imagines that it came, its error, and that over the error of copying;
    None where there are no such windows. None where nothing that counts ever moves.
    """
    rows = np.flatnonzero(np.arange(len(data.z)) + STEPS <= data.last)
    if not len(rows):
        return None
    rows = rows[rng.integers(len(rows), size=WINDOWS)]
    before, after = reader(data.z[rows]), reader(data.z[rows + STEPS])
    unit = usual_change(reader(data.z[rows + 1]) - before)
    if not unit.all():
        return None
    actions = data.actions[rows[:, None] + np.arange(STEPS)]  # (W, K, A)
    imagined = reader(model.rollout_ensemble(data.z[rows], actions)[0, :, -1])
    came, thought = (after - before) / unit, (imagined - before) / unit
    moving = came.norm(dim=-1) > 1
    return {
        "steps": STEPS,
        "moving": _part(came[moving], thought[moving]),
        "resting": _part(came[~moving], thought[~moving]),
    }


def _part(came: Tensor, thought: Tensor) -> dict[str, float] | None:
    if not len(came):
        return None
    moved, imagined, error = (_size(some) for some in (came, thought, thought - came))
    return {
        "share": len(came) / WINDOWS,
        "moved": moved,
        "imagined": imagined,
        "error": error,
        "over_copying": error / max(moved, 1e-9),
    }


def _size(some: Tensor) -> float:
    return float(some.square().sum(dim=-1).mean().sqrt())


def about(found: dict[str, Any] | None) -> list[str]:
    """A line for people, and a warning where the model does not beat copying by half."""
    if found is None or found["moving"] is None:
        return []
    part = found["moving"]
    lines = [
        f"where what counts moves ({part['share']:.0%} of the windows), {found['steps']} steps"
        f" ahead: off by {part['over_copying']:.0%} of what copying is off by"
    ]
    if part["over_copying"] > POOR:
        lines.append(
            "the model hardly imagines that motion, so plans cannot count on it: give it more of it"
            " (collect.episodes, of an object collect.behaviour.name=play), longer training, or"
            " obs=state"
        )
    return lines
