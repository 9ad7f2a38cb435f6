"""Recorded real experience, read from disk: whole episodes, random windows, a split by episode.

The format is `format.py`, the writer `writer.py`; `RolloutWriter` is importable from here.

Shapes: E episodes, T control steps of an episode. An episode has T + 1 rows per key: `state`
float32 [S] and/or `pixels` uint8 [H, W, 3], `action` float32 [A] (row t is taken at observation t;
the last row is zero and belongs to no step), `physics` float64 [n].
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.seeding import SPLIT, stream
from latent_mpc.envs.rollouts.format import (
    few,
    map_rows,
    meta_text,
    read_index,
    read_meta,
    row_types,
)
from latent_mpc.envs.rollouts.writer import RolloutWriter

__all__ = ["RolloutWriter", "Rollouts"]

Arrays = dict[str, np.ndarray]
Episodes = Sequence[int] | np.ndarray


class Rollouts:
    """A folder of rollouts, as it was when opened; costs no memory beyond what a call returns.

    Args:
        path: the folder.
        skip: episodes to leave out, as if they had not been recorded; the others move up.

    Attributes:
        name: what messages call it.
        meta: what stands in meta.json.
        keys: names of the arrays.
        arrays: per key the memory map `[rows, ...]`, read-only.
        offsets, lengths, numbers: int64 `[E]`: first row, control steps T and collection number of
            each episode.
        checksums: int64 `[E, K]`: crc32 of each key's rows.

    Raises:
        FileNotFoundError: no rollouts there, or one of their files is missing.
        ValueError: another format version, a truncated or damaged file (named), or no such episode
            to skip.
    """

    def __init__(self, path: str | os.PathLike[str], skip: Episodes = ()) -> None:
        self.path = Path(path)
        self.name = str(path)
        self.meta = read_meta(self.path)
        types = row_types(self.path, self.meta)
        index = read_index(self.path, types)
        self.keys = tuple(types)
        self.arrays: Arrays = {
            key: map_rows(self.path, key, kind, index.rows) for key, kind in types.items()
        }
        self._keep(*index, skip)

    def _keep(
        self,
        offsets: np.ndarray,
        lengths: np.ndarray,
        numbers: np.ndarray,
        checksums: np.ndarray,
        text: bytes,
        skip: Episodes,
    ) -> None:
        """Take the columns of an index, but for some episodes; `text` stands for its contents."""
        kept = self._kept = without(self.name, len(offsets), skip)
        self.offsets, self.lengths = offsets[kept], lengths[kept]
        self.numbers, self.checksums = numbers[kept], checksums[kept]
        self._skipped = {*skip}
        self._text = text if len(kept) == len(offsets) else text + repr(kept.tolist()).encode()

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits; others as soon as the meta data, any episode's checksum or what is
        skipped are others.
        """
        return hashlib.sha256(meta_text(self.meta) + self._text).hexdigest()[:16]

    def episode(self, i: int) -> Arrays:
        """Episode i, 0 <= i < E: per key a read-only view `[T + 1, ...]` of the memory map."""
        if not 0 <= i < len(self):
            raise IndexError(
                f"episode must lie in [0, {len(self)}), the finished episodes of {self.name};"
                f" got {i}"
            )
        first = int(self.offsets[i])
        return {
            key: array[first : first + int(self.lengths[i]) + 1]
            for key, array in self.arrays.items()
        }

    def split(self, validation: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Training and validation episodes (int64, sorted, disjoint); of two episodes or more, both
        sides get at least one.

        An episode's draw depends on (seed, position) only, so that few episodes change sides when
        more are collected.
        """
        if not 0.0 <= validation < 1.0:
            raise LatentMPCError(f"validation must be a share in [0, 1), got {validation}")
        draws = stream(seed, SPLIT).random(len(self))
        count = max(1, round(validation * len(self))) if validation else 0
        held_out = max(0, min(count, len(self) - 1))
        order = np.argsort(draws, kind="stable")
        return np.sort(order[held_out:]), np.sort(order[:held_out])

    def starts(
        self, rng: np.random.Generator, batch: int, length: int, episodes: Episodes | None = None
    ) -> np.ndarray:
        """First rows (int64 `[batch]`) of windows of `length` rows, uniform over all windows inside
        one of `episodes` (None: all).

        Raises ValueError if none of the episodes is that long.
        """
        ids = np.arange(len(self)) if episodes is None else np.asarray(episodes, dtype=np.int64)
        room = np.maximum(self.lengths[ids] + 2 - length, 0)  # windows that fit into T + 1 rows
        if length < 1 or not room.any():
            longest = int(self.lengths[ids].max(initial=-1)) + 1
            raise LatentMPCError(
                f"windows of {length} rows must fit into one of {len(ids)} episodes in {self.name};"
                f" the longest has {longest}"
            )
        ends = np.cumsum(room)
        pick = rng.integers(ends[-1], size=batch)
        which = np.searchsorted(ends, pick, side="right")
        return self.offsets[ids[which]] + pick - (ends[which] - room[which])

    def windows(
        self,
        rng: np.random.Generator,
        batch: int,
        length: int,
        episodes: Episodes | None = None,
        keys: Sequence[str] | None = None,
    ) -> Arrays:
        """Random windows inside episodes: per key (None: all) a copy `[batch, length, ...]`.
        `length` counts rows: length - 1 steps.
        """
        return self.gather(
            self.starts(rng, batch, length, episodes)[:, None] + np.arange(length), keys
        )

    def gather(self, rows: np.ndarray, keys: Sequence[str] | None = None) -> Arrays:
        """Copies `[*rows.shape, ...]` of flat rows, of all keys or the given ones. Raises KeyError
        listing the keys.
        """
        for key in keys or ():
            if key not in self.arrays:
                raise UnknownNameError(
                    f"no array {key!r} in {self.name}; there are: {', '.join(self.keys)}"
                )
        return {
            key: self.arrays[key].take(rows, axis=0)
            for key in (self.keys if keys is None else keys)
        }

    def verify(self) -> list[tuple[str, int]]:
        """Read everything; the damaged (key, episode) pairs. Meta data, headers and index were
        already checked on opening.
        """
        damaged = []
        for i, expected in enumerate(self.checksums):
            arrays = self.episode(i)
            damaged += [
                (key, i)
                for key, crc in zip(self.keys, expected.tolist(), strict=True)
                if zlib.crc32(arrays[key].data) != crc
            ]
        return damaged

    def require_whole(self) -> None:
        """Read everything. Raises ValueError naming the damaged episodes, and what would do."""
        damaged = self.verify()
        if damaged:
            named = few(
                [
                    f"{key} of episode {self._kept[i]}{self._place(int(self._kept[i]))}"
                    for key, i in damaged
                ]
            )
            skip = _written(self._skipped | {int(self._kept[i]) for _, i in damaged})
            raise LatentMPCError(
                f"{self.name} is damaged: {named}; restore it from a copy, or train without:"
                f" data_skip={skip}"
            )

    def require_finite(self, keys: Sequence[str]) -> None:
        """Read these arrays. Raises ValueError naming the episodes with a number that is none, and
        what would do.
        """
        floats = [key for key in keys if self.arrays[key].dtype.kind == "f"]
        episodes = ((int(at), self.episode(i)) for i, at in enumerate(self._kept))
        problems = {
            at: why + self._place(at)
            for at, episode in episodes
            if (why := broken({key: episode[key] for key in floats}))
        }
        if problems:
            raise leave_out(self.name, problems, self._skipped, len(self) + len(self._skipped))

    def _place(self, number: int) -> str:
        """Where an episode is, where its number alone does not say so."""
        return ""


def broken(arrays: Arrays) -> str:
    """What is wrong with an episode in which a number is none; empty if all are finite."""
    for key, rows in arrays.items():
        if rows.dtype.kind == "f" and len(holes := np.argwhere(~np.isfinite(rows))):
            return f"has NaN or infinity in its {key} at step {holes[0, 0]}"
    return ""


def leave_out(
    where: str, problems: Mapping[int, str], skipped: Iterable[int], episodes: int
) -> ValueError:
    """The error of episodes that cannot be trained on, by number, with what is wrong; the first is
    described.
    """
    skip, others = (
        {*skipped, *problems},
        f", {len(problems) - 1} more have such faults" if len(problems) > 1 else "",
    )
    without_them = f", or train without: data_skip={_written(skip)}" if len(skip) < episodes else ""
    return LatentMPCError(
        f"{where}: episode {min(problems)} {problems[min(problems)]}{others}; mend the"
        f" data{without_them}"
    )


def without(path: Path | str, episodes: int, skip: Episodes) -> np.ndarray:
    """Which of the episodes remain, int64. Raises ValueError for one that is not there."""
    for i in skip:
        if not 0 <= i < episodes:
            raise LatentMPCError(
                f"an episode to skip must lie in [0, {episodes}), the finished episodes of {path};"
                f" got {i}"
            )
    return np.setdiff1d(np.arange(episodes), np.asarray(skip, dtype=np.int64))


def _written(skip: Iterable[int]) -> str:
    """As data_skip takes it."""
    return f"[{','.join(map(str, sorted(skip)))}]"
