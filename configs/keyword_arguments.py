"""Keyword arguments of an environment as a config has them: data, no code, and files by their
absolute paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from latent_mpc.configs.errors import LatentMPCError

PLAIN = (bool, int, float, str, type(None))
# endings of files that a robot is made of: a text with one and a folder must name a file
MODELS = (".xml", ".mjcf", ".urdf", ".mjb")


def plain_arguments(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with each file that is there by its absolute path, so that they mean the same
    in another folder.

    Raises ValueError for what is not a name with a number, a text, or a list of them.
    """
    plain: dict[str, Any] = {}
    for key, value in kwargs.items():
        if not isinstance(key, str) or not key.isidentifier() or key.startswith("_"):
            raise LatentMPCError(
                f"task.kwargs must be names and values, got {key!r:.60}: write"
                " task.kwargs={NAME: VALUE}"
            )
        if not all(isinstance(one, PLAIN) for one in _each(value)):
            raise LatentMPCError(
                f"task.kwargs.{key} must be a number, a text or a list of them, got {value!r:.60}"
            )
        plain[key] = _absolute(value)
    return plain


def fingerprint(kwargs: Mapping[str, Any]) -> str:
    """Hash of the files that the arguments name; empty where they name none. Raises
    FileNotFoundError for a model's path that leads nowhere.
    """
    digest, files = hashlib.sha256(), 0
    for key, value in sorted(kwargs.items()):
        for one in _texts([value]):
            path = Path(one)
            if _is_file(one):
                digest.update(f"{key}\0".encode() + path.read_bytes())
                files += 1
            elif path.suffix.lower() in MODELS and {"/", "\\"} & set(one):
                raise FileNotFoundError(f"no file {one!r}, which task.kwargs.{key} names")
    return digest.hexdigest()[:16] if files else ""


def require_hashed(kwargs: Mapping[str, Any], expected: str) -> None:
    """Raise ValueError if stored arguments name a file of this machine and not which one it was:
    what a checkpoint from elsewhere says must not open whatever lies here.
    """
    if not expected and any(_is_file(one) for one in _texts(kwargs.values())):
        raise LatentMPCError(
            "the checkpoint's task.kwargs name a file and no fingerprint of it; train it again"
        )


def _texts(values: Iterable[Any]) -> Iterator[str]:
    return (one for value in values for one in _each(value) if isinstance(one, str))


def _each(value: Any) -> Iterator[Any]:
    """Elements of a list, of lists in it too; a value that is none by itself."""
    if not isinstance(value, (list, tuple)):
        yield value
        return
    for one in value:
        yield from _each(one)


def _absolute(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_absolute(one) for one in value]
    return str(Path(value).absolute()) if isinstance(value, str) and _is_file(value) else value


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or a zero in it
        return False
