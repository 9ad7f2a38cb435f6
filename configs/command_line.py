"""How commands are written down to be pasted: a POSIX shell and our own command line read them back
as they were meant.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import MISSING, fields

from latent_mpc.configs.tasks import TaskConfig

WORD = re.compile(r"(?!(?:true|false|null|nan|inf)\b)[a-z_/][\w/.:+-]*", re.ASCII | re.IGNORECASE)
# JOINT=NUMBER, an element of a list that `compose.parse` reads without quotes
ASSIGNED = re.compile(r"[\w./:-]+=[-+]?\.?\d[\w.+-]*", re.ASCII)
FILLED_IN = ("name", "fingerprint", "title")  # fields of a task that are not the user's to write


def write(command: str, settings: Mapping[str, object], *flags: str) -> str:
    """`latent-mpc COMMAND KEY=VALUE …`, quoted where a shell needs it."""
    written = (setting(key, value) for key, value in settings.items())
    return shlex.join(["latent-mpc", command, *written, *flags])


def setting(key: str, value: object) -> str:
    """`KEY=VALUE` as `compose.parse` reads it: text as it stands, in quotes only where it would be
    read as something else.
    """
    if value is None or isinstance(value, (bool, list, tuple, Mapping)):
        return f"{key}={_item(value)}"
    text = str(value)
    plain = text == text.strip() and not text.startswith(("'", '"')) and "," not in text
    return f"{key}={text if plain else _quoted(text)}"


def task_settings(task: TaskConfig) -> dict[str, object]:
    """What a user chose of a task: its name, and the keys that are not at their default."""
    default = {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in fields(task)
    }
    chosen = {
        key: value
        for key, value in vars(task).items()
        if key not in FILLED_IN and value != default.get(key)
    }
    return {"task": task.name, **{f"task.{key}": value for key, value in chosen.items()}}


def checkpoint_settings(checkpoint: str, task_id: str) -> dict[str, object]:
    """What names a checkpoint: `task.id` has to be repeated where it lets a module be imported."""
    return {"checkpoint": checkpoint, **({"task.id": task_id} if ":" in task_id else {})}


def _item(value: object) -> str:
    """A list, keys and values, or an element of them, which unlike a whole value has to be a word
    or in quotes.
    """
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_item, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key}:{_item(one)}' for key, one in value.items())}}}"
    if value is None or isinstance(value, bool):
        return str(value).lower() if value is not None else "null"
    text = str(value)
    plain = not isinstance(value, str) or WORD.fullmatch(text) or ASSIGNED.fullmatch(text)
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    """In quotes, where quotes and the backslashes before them are escaped."""
    return (
        "'"
        + re.sub(r"(\\*)('|\Z)", lambda part: 2 * part[1] + ("\\'" if part[2] else ""), text)
        + "'"
    )
