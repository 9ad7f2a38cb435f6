"""A MuJoCo model that stays as it is: what an environment edits afterwards is put back.

A simulator state does not contain the model, so one whose damping, goal marker or colours change
from reset to reset would give a state another physics, and another picture, each time. Meshes,
textures and skins are taken to stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import mujoco
import numpy as np

GROUPS = (
    "opt",
    "stat",
    *(f"vis.{group}" for group in ("global_", "headlight", "map", "quality", "rgba", "scale")),
)
ASSETS = ("mesh_", "tex_", "skin_", "bvh_", "oct_")  # tens of megabytes, and nobody edits them
ADDRESSES = "adr"  # where things lie within the model; paths of files among them


class FrozenModel:
    """The numbers of a model at the time this is made."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._arrays: list[tuple[str, np.ndarray, bytes]] = []
        self._scalars: list[tuple[str, Any, str, float]] = []
        for name, owner, key in _fields(model):
            value = getattr(owner, key)
            if isinstance(value, np.ndarray):
                self._arrays.append((name, value, value.tobytes()))  # a view: it follows the model
            else:
                self._scalars.append((name, owner, key, value))

    def put_back(self) -> list[str]:
        """Undo what was edited since; the names of those fields, "opt.gravity" and "body_pos" among
        them.
        """
        edited = []
        for name, view, kept in self._arrays:
            if view.tobytes() != kept:
                view[...] = np.frombuffer(kept, view.dtype).reshape(view.shape)
                edited.append(name)
        for name, owner, key, value in self._scalars:
            if getattr(owner, key) != value:
                setattr(owner, key, value)
                edited.append(name)
        return edited

    def differences(self, other: FrozenModel) -> list[str]:
        """Names of the fields in which two models differ, sizes included."""
        here, there = self._values(), other._values()
        return [name for name in here | there if here.get(name) != there.get(name)]

    def _values(self) -> dict[str, bytes | float]:
        return {name: kept for name, _, kept in self._arrays} | {
            name: value for name, _, _, value in self._scalars
        }


def _fields(model: mujoco.MjModel) -> Iterator[tuple[str, Any, str]]:
    """(name, owner, attribute) of each array that is not empty, and of each number among the
    options.
    """
    for key in dir(model):
        value = getattr(model, key)
        editable = isinstance(value, np.ndarray) and value.size and value.flags.writeable
        if editable and not key.startswith(ASSETS) and not key.endswith(ADDRESSES):
            yield key, model, key
    for group in GROUPS:
        owner = attrgetter(group)(model)
        for key in dir(owner):
            if isinstance(getattr(owner, key), (np.ndarray, int, float)) and not key.startswith(
                "_"
            ):
                yield f"{group}.{key}", owner, key
