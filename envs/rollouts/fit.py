"""Whether recorded arrays have the shapes that a task shows and takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.task import Task


def require_shapes(where: str, shapes: Mapping[str, Sequence[int]], task: Task) -> None:
    """Raise ValueError, saying what would do, unless rows of these shapes by key are what the task
    shows and takes.
    """
    missing = [key for key in (*task.obs_keys, "action") if key not in shapes]
    if missing:
        raise LatentMPCError(
            f"{where} has no {', '.join(missing)}, it holds {', '.join(sorted(shapes))}; give"
            " another obs= or other data"
        )
    for key, shown in task.observation().items():
        if tuple(shapes[key]) != shown.shape:
            raise LatentMPCError(
                f"{where} has {key} of {list(shapes[key])}, {task.name} shows {list(shown.shape)};"
                f" {_advice(tuple(shapes[key]), shown.shape)}"
            )
    require_width(where, shapes["action"], task)


def require_width(where: str, shape: Sequence[int], task: Task) -> None:
    """Raise ValueError unless actions of this shape are what the task takes."""
    if tuple(shape) != task.action_space.shape:
        raise LatentMPCError(
            f"{where} has actions of {list(shape)}, {task.name} takes"
            f" {list(task.action_space.shape or ())}; give other data"
        )


def _advice(actual: tuple[int, ...], shown: tuple[int, ...]) -> str:
    if len(shown) < 3:
        return "give other data"
    rows, columns, channels = actual
    if channels == shown[2] and rows == columns:
        return f"give other data or task.size={rows}"
    if rows == shown[2] and columns == channels:
        return "its channels come first: write pictures as rows, columns, channels"
    return f"write pictures of {shown[2]} channels, as many rows as columns"
