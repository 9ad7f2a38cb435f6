"""Atomic file writes and a single-writer lock on a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latent_mpc.envs.lock import acquire


def replace(path: Path, content: bytes) -> None:
    """Atomic write: a temporary file beside it, renamed on success. Raises OSError, saying what is safe, e.g. where the disk is full."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave the new name on an empty file
        os.replace(temporary, path)
    except OSError as error:
        raise unwritten(path, error) from error
    finally:  # of a full disk, say
        temporary.unlink(missing_ok=True)


def unwritten(path: Path, error: OSError) -> OSError:
    """The error of a file that could not be written, in words."""
    reason = error.strerror or str(error)
    return OSError(f"cannot write {path}: {reason}; what was written before is whole: make room, and give the same command again")


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a run's folder, and say after Ctrl-C how to go on. Raises BlockingIOError if another process holds it."""
    lock = folder / "training" / "run.lock"
    descriptor = acquire(lock, "training states")
    try:
        yield
    except KeyboardInterrupt as stop:
        said = str(stop) or f"stopped: what was saved is in {folder}; the same command again goes on from there"
        raise KeyboardInterrupt(said) from None
    finally:
        if os.listdir(lock.parent) == [lock.name]:  # nothing was begun
            lock.unlink()
            lock.parent.rmdir()
        os.close(descriptor)
