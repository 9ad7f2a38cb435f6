"""Episodes that could not be kept, one line of json each beside the rollouts: what they were, so
that they can be played again, and why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

QUARANTINE = "quarantine.jsonl"


def quarantine(path: Path, episode: Mapping[str, Any]) -> None:
    """Add an episode (its `number`, `why`, and what it depends on), unless its number is there
    already.
    """
    if all(line.get("number") != episode["number"] for line in quarantined(path)):
        with (path / QUARANTINE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(episode, sort_keys=True) + "\n")


def quarantined(path: Path) -> list[dict[str, Any]]:
    """The episodes put aside, in order; a line that a kill left half-written does not count."""
    file = path / QUARANTINE
    lines = []
    for text in (
        file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    ):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("number"), int):
            lines.append(line)
    return lines
