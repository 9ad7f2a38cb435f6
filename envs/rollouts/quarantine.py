"""Episodes that could not be kept, one line of json each beside the rollouts: what they were, so
that they can be played again, and why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latent_mpc.envs.files import json_lines

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
    lines = json_lines(path / QUARANTINE)
    return [line for line in lines if isinstance(line.get("number"), int)]
