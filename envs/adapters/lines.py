"""Names in lines that people read: of many the first few."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 8  # entries of a goal in a line


def few(names: Sequence[object], most: int = 4) -> str:
    """At most so many, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(map(str, names[:most]))}{more}"


def first_few(each: list[str]) -> list[str]:
    """Of the entries of a goal the first, and how many more."""
    if len(each) <= SHOWN:
        return each
    return [*each[: SHOWN - 1], f"and {len(each) - SHOWN + 1} more"]


def to_change(written: list[str]) -> str:
    """How another goal is asked for; the whole of it where it is short enough to paste."""
    setting = f"task.success='[{','.join(written)}]'"
    return f"({setting})" if len(written) <= SHOWN else "(others: task.success=[JOINT:TOLERANCE,…])"
