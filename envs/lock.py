"""A file that one process at a time holds, so that two do not write the same folder; it lets go when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path


def reason(folder: Path, error: OSError) -> str:
    """Why a folder cannot be made, in words: of a link to what is gone, the system says that it exists."""
    gone = next((path for path in (folder, *folder.parents) if path.is_symlink() and not path.exists()), None)
    return f"{gone} is a link to {os.readlink(gone)}, which is not there" if gone else error.strerror or str(error)


def acquire(file: Path, what: str) -> int:
    """Take the lock of the folder that `file` stands in, making the folder if need be; the descriptor that holds it.

    Raises BlockingIOError if another process holds it (named), OSError if the folder cannot be written (`what` to it).
    """
    import fcntl  # not on Windows; reading works there

    folder = file.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OSError(f"cannot write {what} to {folder}: {reason(folder, error)}; give another folder") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
        os.close(descriptor)
        raise BlockingIOError(f"{folder} is being written by {holder}, which holds {file}; wait or give another folder") from None
    os.ftruncate(descriptor, 0)
    with contextlib.suppress(OSError):  # a full disk; the holder's name is optional
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return descriptor
