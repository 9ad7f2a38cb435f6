"""Atomic file writes, lines of json, and a single-writer lock on a folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


@contextmanager
def whole(path: Path, part: str = "") -> Iterator[Path]:
    """An atomic write: a path to write to, `part` beside it, that becomes `path` when all is
    written and is removed otherwise.
    """
    temporary = path.with_name(part or path.name + ".tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # a power cut must not leave the new name on an empty file
        os.replace(temporary, path)
    finally:  # of a full disk, say
        temporary.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Write a file atomically. Raises OSError, saying what is safe, e.g. where the disk is full."""
    try:
        with whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise unwritten(path, error) from error


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The keys and values on each line of a file; lines that a kill left half-written do not count.
    None where there is no file.
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    lines = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            lines.append(json.loads(line))
    return [line for line in lines if isinstance(line, dict)]


def unwritten(path: Path, error: OSError) -> OSError:
    """The error of a file that could not be written, in words."""
    return OSError(
        f"cannot write {path}: {error.strerror or error}; what was written before is whole: make"
        " room, and give the same command again"
    )


def reason(folder: Path, error: OSError) -> str:
    """Why a folder cannot be made, in words: of a link to what is gone, the system says that it
    exists.
    """
    gone = next(
        (path for path in (folder, *folder.parents) if path.is_symlink() and not path.exists()),
        None,
    )
    return (
        f"{gone} is a link to {os.readlink(gone)}, which is not there"
        if gone
        else error.strerror or str(error)
    )


def acquire(file: Path, what: str) -> FileLock:
    """Take the lock of the folder that `file` stands in, making the folder if need be; it ends with
    the process, however that ends.

    Raises BlockingIOError if another process holds it (named), OSError if the folder cannot be
    written (`what` to it).
    """
    lock, holder = FileLock(file, timeout=0, thread_local=False), b""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # before: filelock 3 empties what it cannot take
        holder = file.read_bytes()[:200] if file.exists() else b""
        lock.acquire()
    except Timeout:
        who = holder.decode(errors="replace").strip() or "another process"
        raise BlockingIOError(
            f"{file.parent} is being written by {who}, which holds {file}; wait or give another"
            " folder"
        ) from None
    except OSError as error:
        raise OSError(
            f"cannot write {what} to {file.parent}: {reason(file.parent, error)}; give another"
            " folder"
        ) from error
    with contextlib.suppress(OSError):  # a full disk; the name of the holder is a courtesy
        file.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
    return lock


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a run's folder, and say after Ctrl-C how to resume. Raises BlockingIOError if another
    process holds it.
    """
    file = folder / "training" / "run.lock"
    lock = acquire(file, "training states")
    try:
        yield
    except KeyboardInterrupt as stop:
        message = (
            str(stop)
            or f"stopped: what was saved is in {folder}; the same command again goes on from there"
        )
        raise KeyboardInterrupt(message) from None
    finally:
        if os.listdir(file.parent) == [file.name]:  # nothing was begun
            file.unlink()
            file.parent.rmdir()
        lock.release()
