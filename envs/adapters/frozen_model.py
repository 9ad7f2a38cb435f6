"""A MuJoCo model that stays as it is: what an environment edits afterwards is put back.

A simulator state does not contain the model, so one whose damping, goal marker or colours change
from reset to reset would give a state another physics, and another picture, each time. Meshes,
textures and skins are taken to stay as they are.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
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
NEIGHBOURS = 64  # bytes to the next array where none is between: MuJoCo aligns them so
ADDRESSES = "adr"  # where things lie within the model; paths of files among them


class FrozenModel:
    """The numbers of a model at the time this is made.

    Each control step asks whether they are the same, so that is two comparisons of bytes and of
    tuples for the most part, and only where one differs each array and number is looked at.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._arrays: list[tuple[str, np.ndarray, bytes]] = []
        self._scalars: list[tuple[str, Any, str, float]] = []
        for name, owner, key in _fields(model):
            value = getattr(owner, key)
            if isinstance(value, np.ndarray):
                self._arrays.append((name, value, value.tobytes()))  # a view: it follows the model
            else:
                self._scalars.append((name, owner, key, value))
        self._memory = [
            (part, part.tobytes()) for part in _regions([view for _, view, _ in self._arrays])
        ]
        keys: dict[int, list[str]] = {}
        owners = {id(owner): owner for _, owner, _, _ in self._scalars}
        for _, owner, key, _ in self._scalars:
            keys.setdefault(id(owner), []).append(key)
        self._numbers = [
            (owner, read := attrgetter(*keys[number]), read(owner))
            for number, owner in owners.items()
        ]

    def _same(self) -> bool:
        return all(part.tobytes() == kept for part, kept in self._memory) and all(
            read(owner) == kept for owner, read, kept in self._numbers
        )

    def put_back(self) -> list[str]:
        """Undo what was edited since; the names of those fields, "opt.gravity" and "body_pos" among
        them.
        """
        edited: list[str] = []
        if self._same():
            return edited
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


def _regions(views: Sequence[np.ndarray]) -> list[memoryview]:
    """The memory that arrays lie in, as few stretches as there are: MuJoCo puts them side by
    side. What is between two of them belongs to the model as well.
    """
    spans: list[list[int]] = []
    for begin, end in sorted((at := view.ctypes.data, at + view.nbytes) for view in views):
        if spans and begin - spans[-1][1] <= NEIGHBOURS:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([begin, end])
    return [memoryview((ctypes.c_char * (end - begin)).from_address(begin)) for begin, end in spans]


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
