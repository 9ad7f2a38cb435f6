"""What a model imagines of futures, and how far it is off.

Shapes: B futures, K model steps ahead, A action block, D latent, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent.build import Parts
from latent_mpc.agent.evaluation.episodes import stack
from latent_mpc.agent.evaluation.imagination import errors
from latent_mpc.agent.evaluation.imagination.futures import Futures
from latent_mpc.agent.evaluation.imagination.shown import Drawn, Shown
from latent_mpc.agent.models.observations import as_tensors
from latent_mpc.envs.progress import track
from latent_mpc.envs.task import Task


@torch.no_grad()
def look(parts: Parts, task: Task, futures: Futures) -> Tensor:
    """The latents of the moments `[B, D]`, made of what led there."""
    device = next(parts.model.parameters()).device
    found = []
    for lead in track(futures.lead, "looking", len(futures), "futures", shown=len(futures) > 8):
        seen = stack([task.observation(state) for state in lead])
        obs = as_tensors(seen, parts.model.shapes, device)
        found.append(parts.model.encode_episode(obs)[-1])
    return torch.stack(found)


@torch.no_grad()
def imagine(parts: Parts, z: Tensor, futures: Futures) -> Tensor:
    """Latents from the moments on, the given ones `[B, D]` first: `[B, K + 1, D]`."""
    blocks = torch.as_tensor(
        futures.actions.reshape(len(futures), futures.steps, -1), dtype=z.dtype, device=z.device
    )
    return torch.cat([z[:, None], parts.model.rollout_ensemble(z, blocks)[0]], dim=1)


@dataclass(frozen=True)
class Pictures:
    """Of B futures from the moment on `[B, K + 1, H, W, 3]`."""

    true: np.ndarray
    imagined: np.ndarray


def picture(shown: Shown, futures: Futures, z: Tensor) -> Pictures:
    """What came, and what was imagined `[B, K + 1, D]`."""
    count, steps = z.shape[:2]
    along = list(zip(futures.states, z, strict=True))
    taken = [
        (shown.true(states), shown.imagined(one))
        for states, one in track(along, "drawing", count, "futures", shown=count > 1)
    ]
    return Pictures(*(np.stack(pictures) for pictures in zip(*taken, strict=True)))


def measure(
    parts: Parts, task: Task, futures: Futures, z: Tensor, other: tuple[Futures, Tensor] | None
) -> dict[str, Any]:
    """Errors in metres of where the probe says that what has to reach the goal is, root mean
    squares against steps ahead; `{}` where no probe was fitted.

    Args:
        z: imagined `[B, K + 1, D]`.
        other: the same of other actions.
    """
    if not parts.probe.knows_places:
        return {}
    true, guess = errors.places(task, futures), read_places(parts, z)
    found = errors.place_errors(true, guess[:, 1:])
    space = errors.workspace(true)
    result: dict[str, Any] = {
        "place": {
            "unit": "m",
            "workspace": space,
            # of the latent that was encoded: the probe's own
            "probe": _root(np.linalg.norm(guess[:, 0] - true[:, 0], axis=-1)),
            **{name: [_root(one) for one in square.T] for name, square in found.items()},
        }
    }
    if other:
        others, z_other = other
        there = errors.places(task, others)
        miss = errors.place_errors(there, read_places(parts, z_other)[:, 1:])["imagined"]
        apart = np.linalg.norm(there - true, axis=-1)[:, 1:]
        result["what_if"] = errors.what_if_table(found["imagined"], miss, apart, space)
    return result


def curves_of(
    shown: Shown,
    parts: Parts,
    task: Task,
    dreams: Sequence[tuple[Futures, Tensor]],
    pictures: Sequence[Pictures],
    count: int,
) -> tuple[str, dict[str, np.ndarray]]:
    """What a video plots of the first futures: the unit, and errors `[count, K]` by the names of
    `envs/video/imagined_frame.py`. Metres where the robot is drawn, which is small in its
    pictures, else % of white.

    Args:
        dreams: futures and what was imagined of them `[B, K + 1, D]`; of other actions second.
        pictures: of them.
    """
    if isinstance(shown, Drawn) and parts.probe.knows_places:
        unit = "m"
        found = [
            errors.place_errors(errors.places(task, some), read_places(parts, z)[:, 1:])
            for some, z in ((futures.first(count), z[:count]) for futures, z in dreams)
        ]
    else:
        unit = "% of white"
        squares = [
            errors.picture_errors(one.true[:count], one.imagined[:count, 1:]) for one in pictures
        ]
        found = [
            {name: 100 * np.sqrt(square) / errors.WHITE for name, square in one.items()}
            for one in squares
        ]
    curves = {"imagined": found[0]["imagined"], "copying the last": found[0]["copy"]}
    curves["the mean"] = found[0]["mean"]
    return unit, curves | ({"what if": found[1]["imagined"]} if found[1:] else {})


@torch.no_grad()
def read_places(parts: Parts, z: Tensor) -> np.ndarray:
    """Where the probe says that latents are `[B, K + 1, 3]` [m]."""
    places: np.ndarray = parts.probe(z).cpu().numpy()
    return places


def _root(one: np.ndarray) -> float:
    return float(np.sqrt(np.square(one).mean()))
