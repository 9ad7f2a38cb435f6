"""Several folders of rollouts read as one, without copying: each was written by a collector of its
own, perhaps on a machine of its own.

Episodes are counted through, in the order of the folders.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.rollouts.format import few, require_same
from latent_mpc.envs.rollouts.joined_rows import JoinedRows
from latent_mpc.envs.rollouts.reader import Episodes, Rollouts

# what rollouts must share to be read as one
SHARED = ("task", "obs", "spaces", "control_period", "arrays")


class SeveralRollouts(Rollouts):
    """Folders in one. `meta` is what the first says, `arrays` are `JoinedRows`.

    Attributes:
        parts: the rollouts of each folder.

    Raises:
        ValueError: a folder holds rollouts of another kind than the first, or episodes that an
            earlier one holds (named).
        FileNotFoundError, ValueError: as `Rollouts`, of any of them.
    """

    def __init__(self, paths: Sequence[str], skip: Episodes = ()) -> None:
        parts = self.parts = [Rollouts(path) for path in paths]
        _require_alike(parts)
        rows = np.cumsum([0, *(len(part.arrays[part.keys[0]]) for part in parts)])
        self.path, self.meta, self.keys = parts[0].path, parts[0].meta, parts[0].keys
        self.name = few([str(part.path) for part in parts])
        self.arrays = {
            key: JoinedRows([part.arrays[key] for part in parts])  # type: ignore[misc]
            for key in self.keys
        }
        self._firsts = np.cumsum([0, *map(len, parts)])  # number of each part's first episode
        self._keep(
            np.concatenate(
                [part.offsets + first for part, first in zip(parts, rows, strict=False)]
            ),
            np.concatenate([part.lengths for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.checksums for part in parts]),
            "".join(part.fingerprint for part in parts).encode(),
            skip,
        )

    def _place(self, number: int) -> str:
        part = int(np.searchsorted(self._firsts, number, side="right")) - 1
        return f" ({number - self._firsts[part]} of {self.parts[part].path})"


def open_folders(data: str, skip: Episodes = ()) -> Rollouts:
    """The rollouts that a setting names: a folder, a list `[A,B]` of them, a pattern
    `runs/*/data`.

    Raises as `Rollouts` and `SeveralRollouts`, and FileNotFoundError for a pattern that nothing
    matches.
    """
    paths = folders(data)
    return Rollouts(paths[0], skip) if len(paths) == 1 else SeveralRollouts(paths, skip)


def folders(data: str) -> list[str]:
    """The folders that a setting names, those of a pattern in alphabetical order."""
    named: Any = [data]
    if data.startswith("[") and not Path(data).exists():
        try:
            named = yaml.safe_load(data)
        except yaml.YAMLError:
            named = []
        if not named or not all(isinstance(name, str) for name in named):
            raise LatentMPCError(f"data must be a folder or a list [A,B] of folders, got {data}")
    return [path for name in named for path in _matching(name)]


def _matching(name: str) -> list[str]:
    if not glob.has_magic(name) or Path(name).exists():
        return [name]
    found = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_dir())
    if not found:
        raise FileNotFoundError(f"no folder is called {name}")
    return found


def _require_alike(parts: Sequence[Rollouts]) -> None:
    first, where = parts[0], dict[bytes, Path]()
    for part in parts:
        ours, theirs = ({key: one.meta.get(key) for key in SHARED} for one in (part, first))
        try:
            require_same(part.path, ours, theirs)
        except LatentMPCError as error:
            raise LatentMPCError(f"{error} that is like the first, {first.path}") from error
        for lengths, checksums in zip(part.lengths, part.checksums, strict=True):
            before = where.setdefault(lengths.tobytes() + checksums.tobytes(), part.path)
            if before is not part.path:
                raise LatentMPCError(
                    f"{part.path} holds an episode that {before} holds too; name each folder once,"
                    " and collect each with a seed of its own"
                )
