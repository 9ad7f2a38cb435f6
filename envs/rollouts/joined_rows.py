"""Rows of several arrays, one after another, without copying.

Shapes: N rows in all, K asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class JoinedRows:
    """Reads like the one array `[N, ...]` that it stands for, as far as rollouts are read.

    Args:
        parts: arrays `[n, ...]` of the same dtype and the same rows.
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self.parts = tuple(parts)
        self.ends = np.cumsum([len(part) for part in self.parts])
        self.dtype = self.parts[0].dtype
        self.shape = (int(self.ends[-1]), *self.parts[0].shape[1:])
        self.ndim, self.nbytes = len(self.shape), sum(part.nbytes for part in self.parts)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """A slice within one part is a view of it; anything else a copy."""
        if not isinstance(rows, slice):
            return self.take(np.asarray(rows), axis=0)
        first, last, step = rows.indices(len(self))
        part = int(np.searchsorted(self.ends, first, side="right"))
        if part < len(self.parts) and last <= self.ends[part] and step > 0:
            before = int(self.ends[part]) - len(self.parts[part])
            return self.parts[part][first - before : max(last - before, 0) : step]
        return self.take(np.arange(first, last, step), axis=0)

    def take(self, rows: np.ndarray, axis: int = 0) -> np.ndarray:
        """Copies `[*rows.shape, ...]` of rows; as `numpy.take`, along the first axis only."""
        flat = rows.reshape(-1)  # (K,)
        if len(flat) and not (flat.min() >= 0 and flat.max() < len(self)):
            raise IndexError(f"rows must lie in [0, {len(self)})")
        copied = np.empty((len(flat), *self.shape[1:]), self.dtype)
        which = np.searchsorted(self.ends, flat, side="right")
        for part in np.unique(which):
            here = which == part
            before = int(self.ends[part]) - len(self.parts[part])
            copied[here] = self.parts[part].take(flat[here] - before, axis=0)
        return copied.reshape(*rows.shape, *self.shape[1:])


def parts_of(rows: np.ndarray | JoinedRows) -> tuple[np.ndarray, ...]:
    """The arrays that rows are in, one after another."""
    return rows.parts if isinstance(rows, JoinedRows) else (rows,)
