"""Does the model listen to its actions? Its loss when each window is given the actions of another
one, over that with its own: at 1 they make no difference, and no plan can be told from another.
Beside it the error over that of copying the last latent: at 1 nothing is imagined to move.

Near to `imagined_motion.py`, which looks at what counts; here it is the whole latent.

Shapes: W windows, K model steps ahead, D latent, A action block.
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

STEPS = (1, 5)  # K
WINDOWS = 4096
DEAF = 1.2  # loss with others' actions over that with its own: below it the model hardly listens
POOR = 0.9  # error over that of copying: above it the model hardly imagines


@torch.no_grad()
def listening(
    model: WorldModel,
    data: FrozenData,
    reader: Reader | None,
    rows: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Any] | None:
    """Of windows that begin in the given rows, held-out ones, by steps ahead.

    Returns `{"1": part, "5": part, "warnings": […]}`; a part is `{"shuffled", "over_copying"}`,
    a ratio of losses and one of errors, and, where there is a reader, `"moving"` and `"resting"`,
    each such a part with its `"share"`: where what counts moves more than it usually does, and
    where not. None where no episode is long enough.
    """
    rows = rows[rows + max(STEPS) <= data.last[rows]]
    if len(rows) < 2:
        return None
    rows = rows[rng.integers(len(rows), size=WINDOWS)]
    z = data.z[rows]
    actions = data.actions[rows[:, None] + np.arange(max(STEPS))]  # (W, K, A)
    own = model.rollout_ensemble(z, actions)[0]  # (W, K, D)
    # rows are drawn at random: the next window is another one
    others = model.rollout_ensemble(z, actions.roll(1, dims=0))[0]
    result: dict[str, Any] = {}
    for k in STEPS:
        true = data.z[rows + k]
        squares = torch.stack([own[:, k - 1] - true, others[:, k - 1] - true, z - true])
        squares = squares.square().mean(dim=-1)  # (3, W)
        result[str(k)] = _part(squares)
        if reader is not None and (moving := _moving(reader, data, rows, k)) is not None:
            result[str(k)] |= {
                name: {"share": float(where.float().mean()), **_part(squares[:, where])}
                for name, where in (("moving", moving), ("resting", ~moving))
                if where.any()
            }
    return {**result, "warnings": warnings(result)}


def held_out(data: FrozenData, episodes: np.ndarray) -> np.ndarray:
    """The rows of some episodes, by their places in the rollouts."""
    number = np.searchsorted(np.unique(data.last), data.last)
    return np.flatnonzero(np.isin(number, episodes))


def warnings(found: dict[str, Any]) -> list[str]:
    """What is said where a ratio is near 1, at the longest step."""
    last = str(max(STEPS))
    part, said = found[last], []
    if part["shuffled"] < DEAF:
        said.append(
            f"the model hardly listens to its actions: given others' its loss {last} steps ahead is"
            f" {part['shuffled']:.2f} times as large; look whether actions move what is seen within"
            " that time (collect.behaviour, task.action_repeat), or train longer"
        )
    if part["over_copying"] > POOR:
        said.append(
            f"the model hardly imagines: {last} steps ahead it is off by"
            f" {part['over_copying']:.0%} of what copying the last latent is off by; train longer"
            " or on more episodes"
        )
    return said


def about(found: dict[str, Any] | None) -> list[str]:
    """A line for people, and the warnings."""
    if found is None:
        return []
    told = (
        f"{k} step{'s' if k > 1 else ''} ahead {found[str(k)]['shuffled']:.1f} times the loss with"
        f" others' actions, {found[str(k)]['over_copying']:.0%} of the error of copying"
        for k in STEPS
    )
    return [f"actions and what is imagined: {'; '.join(told)}", *found["warnings"]]


def _part(squares: Tensor) -> dict[str, float]:
    own, others, copied = (max(float(one), 1e-12) for one in squares.mean(dim=1))
    return {"shuffled": others / own, "over_copying": (own / copied) ** 0.5}


def _moving(reader: Reader, data: FrozenData, rows: np.ndarray, k: int) -> Tensor | None:
    """Windows `[W]` in which what counts comes farther than it usually does in a step; None where
    it never moves.
    """
    before = reader(data.z[rows])
    unit = usual_change(reader(data.z[rows + 1]) - before)
    if not unit.all():
        return None
    moving: Tensor = ((reader(data.z[rows + k]) - before) / unit).norm(dim=-1) > 1
    return moving
