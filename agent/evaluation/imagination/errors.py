"""How far what is imagined is from what comes, against steps ahead: in pictures and in metres, each
beside copying what was seen last and the mean of all that came.

Shapes: B futures, K model steps ahead, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from latent_mpc.agent.evaluation.imagination.futures import Futures
from latent_mpc.envs.task import Task

TOLD = (1, 5, 10, 20)  # steps ahead that tables show
WHITE = 255.0
LEAST = 1e-4  # mean squared error below which the ratio in dB says nothing more: 88 dB


def told(steps: int) -> list[int]:
    """The steps ahead that a table shows of K."""
    return [k for k in TOLD if k < steps] + [steps]


def picture_errors(true: np.ndarray, imagined: np.ndarray) -> dict[str, np.ndarray]:
    """Mean squared errors `[B, K]` in grey levels.

    Args:
        true: from the moment on `[B, K + 1, H, W, 3]`.
        imagined: `[B, K, H, W, 3]`.
    """
    ahead = true[:, 1:]
    mean = ahead.mean(axis=(0, 1))
    return {
        "imagined": _square(imagined, ahead),
        "copy": _square(true[:, :1], ahead),
        "mean": _square(mean, ahead),
    }


def picture_curves(errors: Mapping[str, np.ndarray]) -> dict[str, dict[str, list[float]]]:
    """Of each guess root mean square error [% of white] and PSNR [dB] at each step `[K]`."""
    return {
        name: {
            "rmse": [100 * float(np.sqrt(one)) / WHITE for one in square.mean(axis=0)],
            "psnr": [psnr(one) for one in square.mean(axis=0)],
        }
        for name, square in errors.items()
    }


def psnr(square: float) -> float:
    """Peak signal-to-noise ratio [dB] of a mean squared error in grey levels."""
    return float(10 * np.log10(WHITE**2 / max(square, LEAST)))


def place_errors(true: np.ndarray, imagined: np.ndarray) -> dict[str, np.ndarray]:
    """Distances `[B, K]` [m], arguments as of `picture_errors`, places `[B, K, 3]` [m]."""
    ahead = true[:, 1:]
    return {
        "imagined": np.linalg.norm(imagined - ahead, axis=-1),
        "copy": np.linalg.norm(true[:, :1] - ahead, axis=-1),
        "mean": np.linalg.norm(ahead.mean(axis=(0, 1)) - ahead, axis=-1),
    }


def places(task: Task, futures: Futures) -> np.ndarray:
    """Where what has to reach the goal is `[B, K + 1, 3]` [m]."""
    states = futures.states
    flat = task.tracked_point(states.reshape(-1, states.shape[-1]))
    return np.asarray(flat).reshape(*states.shape[:2], 3)


def workspace(true: np.ndarray) -> float:
    """How far apart places `[..., 3]` come: the longest side of the box about them [m]."""
    return float(np.ptp(true.reshape(-1, 3), axis=0).max())


def what_if_table(
    factual: np.ndarray, other: np.ndarray, apart: np.ndarray, space: float
) -> list[dict[str, Any]]:
    """A row for each step told: root mean squares [m] of the errors `[B, K]` for what was done and
    for what was not, how far these futures came apart `[B, K]`, and both as shares of the
    workspace.
    """
    rows = []
    for k in told(factual.shape[1]):
        did, did_not, split = (
            float(np.sqrt(np.square(one[:, k - 1]).mean())) for one in (factual, other, apart)
        )
        rows.append(
            {
                "steps": k,
                "factual": did,
                "counterfactual": did_not,
                "ratio": did_not / max(did, 1e-9),
                "apart": split,
                "factual_share": did / max(space, 1e-9),
                "counterfactual_share": did_not / max(space, 1e-9),
            }
        )
    return rows


def _square(guess: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Mean squared error of each picture; one future at a time, as floats take eight bytes."""
    guess = np.broadcast_to(guess, true.shape)
    return np.stack(
        [
            np.square(a.astype(np.float32) - b.astype(np.float32)).mean(axis=(1, 2, 3))
            for a, b in zip(guess, true, strict=True)
        ]
    )
