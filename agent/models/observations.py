"""What the agent takes for observations: checked where they come in, since a network computes from
nonsense without a word.

Shapes: B episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_mpc.configs.errors import LatentMPCError, UnknownNameError


def as_tensors(
    obs: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    device: torch.device,
    what: str = "observation",
) -> dict[str, Tensor]:
    """The observations that a model was trained on, as it takes them.

    Args:
        obs: arrays or tensors `[B, ...]` by key: pixels uint8, states of any real numbers. Other
            keys are left alone.
        shapes: of one episode's, by key.
        what: they are, for messages.

    Raises:
        KeyError: one is missing.
        ValueError: one has another shape or type, or a number that is not finite, or they differ in
            B.
    """
    missing = [key for key in shapes if key not in obs]
    if missing:
        raise UnknownNameError(
            f"the model needs the observations {', '.join(shapes)}; missing: {', '.join(missing)}"
        )
    arrays = {
        key: _checked(key, _array(obs[key]), shape, f"{what} {key!r}")
        for key, shape in shapes.items()
    }
    if len({len(array) for array in arrays.values()}) > 1:
        sizes = ", ".join(f"{key} of {len(array)}" for key, array in arrays.items())
        raise LatentMPCError(f"every {what} must be of the same episodes, got {sizes}")
    return {key: torch.as_tensor(array, device=device) for key, array in arrays.items()}


def require_finite(array: np.ndarray, what: str) -> np.ndarray:
    """`[B, N]` numbers as float32, in memory that torch takes. Raises ValueError naming the first
    that is not finite.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is inf
        numbers = np.require(array, np.float32, ["C", "W"])
    if not np.isfinite(numbers).all():
        row, column = np.argwhere(~np.isfinite(numbers))[0]
        raise LatentMPCError(
            f"{what} of episode {row} must be finite numbers of float32, got {array[row, column]}"
            f" at index {column}"
        )
    return numbers


def _checked(key: str, array: np.ndarray, shape: tuple[int, ...], what: str) -> np.ndarray:
    if array.shape[1:] != tuple(shape):
        raise LatentMPCError(
            f"{what} must be [B, {', '.join(map(str, shape))}], got {list(array.shape)}"
        )
    if key == "state":
        if array.dtype.kind not in "fiu":
            raise LatentMPCError(f"{what} must be real numbers, got {array.dtype}")
        return require_finite(array, what)
    if array.dtype != np.uint8:
        raise LatentMPCError(
            f"{what} must be uint8 from 0 to 255, got {array.dtype}{_range(array)}"
        )
    return np.require(array, requirements=["C", "W"])


def _array(value: Any) -> np.ndarray:
    """Of whatever holds numbers; numpy has no bfloat16."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype == torch.bfloat16 else value
    return np.asarray(value)


def _range(array: np.ndarray) -> str:
    """Of pictures of another type, and what turns them into the right one."""
    if array.dtype.kind not in "fiu" or not array.size:
        return ""
    low, high = array.min(), array.max()
    scaled = "(255 * pixels).round()" if array.dtype.kind == "f" and high <= 1 else "pixels"
    return f" from {low:.4g} to {high:.4g}; give {scaled}.astype(np.uint8)"
