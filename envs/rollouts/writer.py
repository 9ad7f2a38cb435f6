"""Append episodes to a folder of rollouts, so that a kill, a full disk or a second writer cost no
finished episode.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.files import acquire, whole
from latent_mpc.envs.rollouts.format import (
    FORMAT,
    HEADER,
    INDEX,
    LOCK,
    META,
    VERSION,
    RowType,
    check_types,
    few,
    header,
    index_line,
    line_width,
    map_rows,
    meta_file,
    read_index,
    read_meta,
    require_same,
    row_types,
)
from latent_mpc.envs.rollouts.quarantine import QUARANTINE


class RolloutWriter:
    """A context manager; one at a time per folder. `len()` is the number of finished episodes,
    `next_number` what the next is called.

    Args:
        path: the folder, new or begun earlier.
        meta: JSON values that say what is collected. A folder begun with other values is refused
            ("versions" apart: those that began the folder stay).

    Raises:
        ValueError: the folder was collected with other meta data, or is damaged.
        FileExistsError: it holds files that are not rollouts.
        OSError: it cannot be written, or another process is writing it.
    """

    def __init__(self, path: str | os.PathLike[str], meta: Mapping[str, Any]) -> None:
        self.path = Path(path)
        # tuples become lists, as they will be read
        self._meta: dict[str, Any] = json.loads(json.dumps(dict(meta)))
        self._types: dict[str, RowType] = {}
        self._files: dict[str, int] = {}  # descriptors, by key and INDEX
        self._rows = self._episodes = self.next_number = 0
        self._made_folder = not self.path.exists()
        _refuse_foreign(self.path)
        self._lock: FileLock | None = acquire(self.path / LOCK, "rollouts")
        try:
            self._resume()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RolloutWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._episodes

    def append(self, episode: Mapping[str, np.ndarray], number: int | None = None) -> None:
        """Write one finished episode: per key an array `[T + 1, ...]`; the first one fixes keys,
        dtypes and shapes.

        Args:
            number: its number in the collection, at least `next_number` (the default); numbers may
                be skipped.

        Raises:
            ValueError: keys, dtypes or shapes that differ from the earlier episodes'.
            OSError: e.g. disk full; the folder is left as it was before this call.
        """
        number = self.next_number if number is None else number
        if number < self.next_number:
            raise LatentMPCError(
                f"episode number must be at least {self.next_number}, got {number}"
            )
        arrays = {
            key: np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            for key, array in sorted(episode.items())
        }
        rows = self._check(arrays)
        try:
            self._begin()
            self._commit(arrays, rows, number)
        except BaseException as error:  # Ctrl-C within a write, too
            with contextlib.suppress(OSError):
                self._roll_back()
            if not isinstance(error, OSError):
                raise
            raise OSError(
                f"cannot write episode {number} to {self.path}: {error.strerror or error}; the"
                f" {self._episodes} episodes before it are safe, the same command continues from"
                " there"
            ) from error
        self._rows, self._episodes, self.next_number = (
            self._rows + rows,
            self._episodes + 1,
            number + 1,
        )

    def close(self) -> None:
        """Bring everything to the disk and let the folder go; nothing is left of a folder in which
        nothing was begun.
        """
        if self._lock is None:
            return
        try:
            for descriptor in self._files.values():
                os.fsync(descriptor)
        finally:
            if not (self.path / META).exists():
                with contextlib.suppress(OSError):
                    (self.path / LOCK).unlink()
                    if self._made_folder:
                        self.path.rmdir()
            for descriptor in self._files.values():
                os.close(descriptor)
            self._lock.release()
            self._files, self._lock = {}, None

    def _resume(self) -> None:
        """Check that a folder begun earlier is this collection's, and cut off what a killed writer
        left behind.
        """
        if not (self.path / META).exists():
            return
        meta = read_meta(self.path)
        own = {
            key: value
            for key, value in meta.items()
            if key not in ("format", "version", "versions", "arrays")
        }
        require_same(
            self.path,
            own,
            {key: value for key, value in self._meta.items() if key != "versions"},
        )
        self._types = row_types(self.path, meta)
        index = read_index(self.path, self._types)
        for key, kind in self._types.items():
            map_rows(self.path, key, kind, index.rows)
        self._rows, self._episodes = index.rows, len(index.offsets)
        self.next_number = int(index.numbers[-1]) + 1 if self._episodes else 0
        self._open()

    def _begin(self) -> None:
        """Write the meta data and make the other files, if that was not done before."""
        if self._lock is None:
            raise LatentMPCError(f"the writer of {self.path} is closed; open another")
        if not (self.path / META).exists():
            arrays = {
                key: {"dtype": kind.dtype.str, "shape": list(kind.shape)}
                for key, kind in self._types.items()
            }
            with whole(self.path / META) as file:
                file.write_bytes(
                    meta_file(
                        {**self._meta, "format": FORMAT, "version": VERSION, "arrays": arrays}
                    )
                )
        if INDEX not in self._files:
            self._open()

    def _open(self) -> None:
        """Open all files, the index last: as long as it is missing, no rows were ever written."""
        names = {**{key: f"{key}.npy" for key in self._types}, INDEX: INDEX}
        for name in names.keys() - self._files.keys() - {INDEX}:
            self._files[name] = os.open(self.path / names[name], os.O_RDWR | os.O_CREAT, 0o666)
        self._files[INDEX] = os.open(self.path / INDEX, os.O_RDWR | os.O_CREAT, 0o666)
        self._roll_back()

    def _commit(self, arrays: Mapping[str, np.ndarray], rows: int, number: int) -> None:
        for key, array in arrays.items():
            _write(self._files[key], array.data, HEADER + self._rows * self._types[key].nbytes)
            _write(self._files[key], header(self._types[key], self._rows + rows), 0)
        line = index_line(
            self._rows, rows - 1, number, [zlib.crc32(array.data) for array in arrays.values()]
        )
        _write(self._files[INDEX], line, self._episodes * len(line))

    def _roll_back(self) -> None:
        """Cut every file to the finished episodes; the index first, so that being killed here
        leaves a valid folder as well.
        """
        if INDEX in self._files:
            os.ftruncate(self._files[INDEX], self._episodes * line_width(len(self._types)))
            for key, kind in self._types.items():
                _write(self._files[key], header(kind, self._rows), 0)
                os.ftruncate(self._files[key], HEADER + self._rows * kind.nbytes)

    def _check(self, arrays: Mapping[str, np.ndarray]) -> int:
        """The episode's number of rows, if it fits."""
        actual = (
            ", ".join(f"{key} {array.dtype}{list(array.shape)}" for key, array in arrays.items())
            or "no arrays"
        )
        lengths = {len(array) if array.ndim else 0 for array in arrays.values()}
        if len(lengths) != 1 or not max(lengths):
            raise LatentMPCError(
                f"all arrays of an episode must have the same T + 1 rows, got {actual}"
            )
        types = {key: RowType(array.dtype, array.shape[1:]) for key, array in arrays.items()}
        check_types(self.path, types)
        if self._types and types != self._types:
            expected = ", ".join(
                f"{key} {kind.dtype}{list(kind.shape)}" for key, kind in self._types.items()
            )
            raise LatentMPCError(f"rows in {self.path} must be {expected}; got an episode {actual}")
        self._types = types
        return lengths.pop()


def _refuse_foreign(path: Path) -> None:
    """Raise FileExistsError if the folder holds files but no rollouts."""
    if path.is_dir() and not (path / META).exists():
        others = sorted(set(os.listdir(path)) - {LOCK, META + ".tmp", QUARANTINE})
        if others:
            raise FileExistsError(
                f"{path} holds {few(others)} and no rollouts; give a new or an empty folder"
            )


def _write(descriptor: int, data: bytes | memoryview, at: int) -> None:
    """Write all of a buffer; a single call may write less than it was given."""
    view = memoryview(data).cast("B")
    while len(view):
        done = os.pwrite(descriptor, view, at)
        view, at = view[done:], at + done
