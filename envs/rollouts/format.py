"""The on-disk format of rollouts: meta data, index and arrays, checked as they are read.
`reader.py` reads it, `writer.py` writes it.

A folder holds
    meta.json        what was collected (task, behaviour, seed, versions, …), the types of the
                     arrays' rows, and its own checksum
    <key>.npy        one flat array per key, `[rows, ...]`, memory-mapped; it grows by appending
                     rows and patching the header's shape
    episodes.index   one line of fixed width per finished episode: first row, length, number,
                     crc32 per key, crc32 of the line
    rollouts.lock    locked by the one process that writes

The index is the commit point: rows are appended first, then the header, then the index line. A
killed writer loses the episode in flight and no other; readers trust the index alone, and the next
writer cuts off what lies behind it.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.rollouts.not_rollouts import explain

FORMAT, VERSION = "latent-mpc rollouts", 1
META, INDEX, LOCK = "meta.json", "episodes.index", "rollouts.lock"
# bytes before the first row: any row count can be patched in place, and rows stay aligned
HEADER = 256
MENDING = "restore it from a copy or collect again"


class RowType(NamedTuple):
    """What one row of an array is."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


class Index(NamedTuple):
    """The finished episodes (E of them, K keys)."""

    offsets: np.ndarray  # int64 [E], first row
    lengths: np.ndarray  # int64 [E], control steps; one less than rows
    numbers: np.ndarray  # int64 [E], which episode of the collection it is
    checksums: np.ndarray  # int64 [E, K], crc32 of the keys in alphabetical order
    text: bytes  # the committed lines themselves

    @property
    def rows(self) -> int:
        return int(self.offsets[-1] + self.lengths[-1] + 1) if len(self.offsets) else 0


# Meta data


def read_meta(path: Path) -> dict[str, Any]:
    """The checked contents of meta.json, without its checksum. Raises FileNotFoundError or
    ValueError in one line.
    """
    file = path / META
    if not file.is_file():
        raise FileNotFoundError(f"no rollouts at {path}: {explain(path, META)}")
    try:
        text = file.read_bytes().decode()
        meta = json.loads(text)
        canonical = json.dumps(meta, indent=1, sort_keys=True)
    except (ValueError, RecursionError) as error:
        raise LatentMPCError(f"{file} is truncated or damaged ({error}); {MENDING}") from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise LatentMPCError(f"{file} must say format {FORMAT!r}; {path} is something else")
    if meta.get("version") != VERSION:
        raise LatentMPCError(
            f"{path} has rollout format version {meta.get('version')!r:.20}, this latent-mpc reads"
            f" {VERSION}; collect again"
        )
    if meta.pop("crc32", None) != zlib.crc32(meta_text(meta)) or text != canonical:
        raise LatentMPCError(
            f"{file} was changed after it was written (its checksum differs); {MENDING}"
        )
    task = meta.get("task", {})
    if not (
        isinstance(task, dict)
        and isinstance(task.get("name", ""), str)
        and isinstance(task.get("options", {}), dict)
    ):
        raise LatentMPCError(
            f"{file}: task must be a name and options by name, got {json.dumps(task):.60};"
            f" {MENDING}"
        )
    return meta


def meta_file(meta: Mapping[str, Any]) -> bytes:
    """The contents of meta.json."""
    return json.dumps(
        {**meta, "crc32": zlib.crc32(meta_text(meta))}, indent=1, sort_keys=True
    ).encode()


def meta_text(meta: Mapping[str, Any]) -> bytes:
    """What the checksum and the fingerprint of meta data are taken of."""
    return json.dumps(meta, sort_keys=True, separators=(",", ":")).encode()


def row_types(path: Path, meta: Mapping[str, Any]) -> dict[str, RowType]:
    """The arrays that the meta data declare, alphabetically."""
    try:
        types = {
            key: RowType(_dtype(spec["dtype"]), tuple(spec["shape"]))
            for key, spec in sorted(meta["arrays"].items())
        }
        check_types(path, types)
    except (KeyError, TypeError, AttributeError, SyntaxError) as error:
        raise LatentMPCError(
            f"{path / META} must list arrays, each with dtype and shape: {error!r}; {MENDING}"
        ) from None
    return types


def _dtype(name: Any) -> np.dtype[Any]:
    """The type of a name. Raises TypeError for a list or table, which numpy takes for fields."""
    if not isinstance(name, str):
        raise TypeError(f"dtype must be a name, got {name!r:.40}")
    try:
        return np.dtype(name)
    except ValueError as error:
        raise TypeError(str(error)) from error


def check_types(path: Path, types: Mapping[str, RowType]) -> None:
    """Raise ValueError unless every key can be a file name and every row is made of numbers."""
    for key, (dtype, shape) in types.items():
        sized = all(isinstance(n, int) and n > 0 for n in shape)
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", key) or dtype.kind not in "biuf" or not sized:
            raise LatentMPCError(
                f"{path}: an array needs a lower-case name and rows of numbers, got {key[:40]!r} of"
                f" {dtype}{list(shape)}"
            )


# the fingerprint of the model decides, not its path, nor what it is called
LATER: tuple[Any, ...] = ((None, {}), (None, ""))  # options that came later, and were left open
NOT_COMPARED = ("task.options.xml", "task.options.title")


def require_same(path: Path, actual: Any, expected: Any, name: str = "") -> None:
    """Raise ValueError naming the first key at which the folder's values differ."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        for key in dict.fromkeys([*expected, *actual]):
            where = f"{name}.{key}" if name else str(key)
            require_same(path, actual.get(key), expected.get(key), where)
    elif actual != expected and name not in NOT_COMPARED and (actual, expected) not in LATER:
        raise LatentMPCError(
            f"{path} holds rollouts with {name} = {json.dumps(actual)}, asked for"
            f" {json.dumps(expected)}; change that or give another folder"
        )


# Index


def read_index(path: Path, types: Mapping[str, RowType]) -> Index:
    """The finished episodes; a line that a killed writer left incomplete does not count."""
    file, width = path / INDEX, line_width(len(types))
    if not file.exists() and any(size(path / f"{key}.npy") > HEADER for key in types):
        raise FileNotFoundError(
            f"{file} is missing, and without it the episodes cannot be told apart; {MENDING}"
        )
    # zeros: a line that a power cut left unwritten
    text = file.read_bytes().rstrip(b"\0") if file.exists() else b""
    text = text[: len(text) // width * width]
    table = np.empty((len(text) // width, 3 + len(types)), dtype=np.int64)
    rows = 0
    for i in range(len(table)):
        line = _parse_line(text[i * width : (i + 1) * width], rows)
        if line is None:
            raise LatentMPCError(
                f"{file} is damaged at line {i + 1}; restore it from a copy, or cut it to"
                f" {i * width} bytes to keep the {i} episodes before"
            )
        table[i] = line
        rows += line[1] + 1
    return Index(table[:, 0], table[:, 1], table[:, 2], table[:, 3:], text)


def index_line(offset: int, length: int, number: int, checksums: Sequence[int]) -> bytes:
    """One finished episode."""
    body = f"{offset:012d} {length:012d} {number:012d} " + "".join(
        f"{crc:08x} " for crc in checksums
    )
    return f"{body}{zlib.crc32(body.encode()):08x}\n".encode()


def line_width(keys: int) -> int:
    """Bytes of an index line."""
    return len(index_line(0, 0, 0, [0] * keys))


def _parse_line(line: bytes, offset: int) -> list[int] | None:
    """Offset, length, number and checksums; None unless the line is exactly what the writer writes
    at this offset.
    """
    fields = line.split()
    try:
        values = [int(field) for field in fields[:3]] + [int(field, 16) for field in fields[3:-1]]
    except ValueError:
        return None
    return (
        values
        if len(values) > 2
        and values[0] == offset
        and line == index_line(offset, values[1], values[2], values[3:])
        else None
    )


# Arrays


def map_rows(path: Path, key: str, kind: RowType, rows: int) -> np.ndarray:
    """The first `rows` rows of a key's array, mapped read-only, after a check of its size and
    header.
    """
    file = path / f"{key}.npy"
    if not rows:
        return np.empty((0, *kind.shape), kind.dtype)
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing; {MENDING}")
    stored = max(size(file) - HEADER, 0) // kind.nbytes
    if stored < rows:
        raise LatentMPCError(
            f"{file} is truncated: it holds {stored} rows, the index needs {rows}; {MENDING}"
        )
    with file.open("rb") as stream:
        head = stream.read(HEADER)
    match = re.search(rb"'shape': \((\d{1,15}),", head)
    if match is None or not rows <= int(match[1]) <= stored or head != header(kind, int(match[1])):
        raise LatentMPCError(
            f"{file} has a damaged header, expected {rows} rows of {kind.dtype}{list(kind.shape)};"
            f" {MENDING}"
        )
    return np.memmap(file, kind.dtype, "r", offset=HEADER, shape=(rows, *kind.shape)).view(
        np.ndarray
    )


def header(kind: RowType, rows: int) -> bytes:
    """A .npy header (format 1.0) of exactly HEADER bytes."""
    text = (
        f"{{'descr': '{kind.dtype.str}', 'fortran_order': False, 'shape': {(rows, *kind.shape)}, }}"
    )
    return (
        b"\x93NUMPY\x01\x00"
        + (HEADER - 10).to_bytes(2, "little")
        + text.encode().ljust(HEADER - 11)
        + b"\n"
    )


def size(file: Path) -> int:
    """Bytes of a file, 0 if it is not there."""
    return file.stat().st_size if file.exists() else 0


def few(names: Sequence[str]) -> str:
    """At most three of the names."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
