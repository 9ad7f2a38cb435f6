"""Results side by side on the very same pairs: each one's success, and its difference from another
one, pair by pair.

Takes `results.json` of an evaluation and `horizon.json` of a horizon study, or the folders that
hold them; refuses different pairs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latent_mpc.agent.evaluation.paired import paired_difference
from latent_mpc.agent.evaluation.statistics import rate
from latent_mpc.configs.errors import LatentMPCError

FILES = ("results.json", "horizon.json")


@dataclass
class Outcomes:
    """What one setting reached on pairs."""

    source: str  # the path that was given
    label: str  # which of its settings, "" where there is one only
    pairs: str  # fingerprint of the pairs
    about: str  # what these pairs are, for people
    end: list[int]  # 1 or 0 of each pair
    any: list[int]

    @property
    def name(self) -> str:
        """What it is called in a table."""
        return f"{self.source}, {self.label}" if self.label else self.source


def read_outcomes(path: str | Path) -> list[Outcomes]:
    """The outcomes in a file, or in a folder's results.json or horizon.json: one of an evaluation,
    one for each horizon of a study.

    Raises:
        FileNotFoundError: neither is there.
        ValueError: it is no such file, or one without the outcome of each pair.
    """
    path = Path(path)
    file = next((path / name for name in FILES if (path / name).is_file()), path)
    if not file.is_file():
        raise FileNotFoundError(
            f"{path} must be a results.json, a horizon.json or a folder with one of them"
        )
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        about = (
            f"{result['task']}, {result['pairs']['kind']} pairs of seed {result['pairs']['seed']}"
        )
        if "success" in result:
            return [
                _outcomes(str(path), one["label"], one["pairs_fingerprint"], about, one)
                for one in result["success"]
                if one["role"] == "horizon"
            ]
        return [_outcomes(str(path), "", result["outcomes"]["pairs"], about, result["outcomes"])]
    except (ValueError, KeyError, TypeError) as error:
        raise LatentMPCError(
            f"{file} does not hold the outcome of each pair; write it again with this version"
            f" ({error!r:.80})"
        ) from error


def compare(results: Sequence[Outcomes]) -> list[dict[str, Any]]:
    """`{"name": …, "end": rate, "any": rate, "against": name, "difference": paired, at the end}` of
    each.

    Each is held against the first source's setting of the same label, where it has one, else
    against the very first.

    Raises ValueError unless all are of the same pairs, and there are two at least.
    """
    if len(results) < 2:
        raise LatentMPCError(f"compare needs two results or more, got {len(results)}")
    first = results[0]
    for other in results[1:]:
        if other.pairs != first.pairs or len(other.end) != len(first.end):
            raise LatentMPCError(
                f"results must be of the same pairs: {first.name} played {len(first.end)}"
                f" ({first.about}), {other.name} played {len(other.end)} ({other.about}); evaluate"
                " one again with the other's task, episodes and pairs"
            )
    rows = []
    for one in results:
        there = [
            other
            for other in results
            if other.source == first.source != one.source and other.label == one.label
        ]
        against = (there or [first])[0]
        rows.append(
            {
                "name": one.name,
                "end": rate(np.array(one.end, bool)),
                "any": rate(np.array(one.any, bool)),
                "against": against.name,
                "difference": paired_difference(one.end, against.end),
            }
        )
    return rows


def _outcomes(source: str, label: str, pairs: str, about: str, result: dict[str, Any]) -> Outcomes:
    end, ever = ([int(value) for value in result[key]] for key in ("end", "any"))
    if not end or len(end) != len(ever):
        raise LatentMPCError(f"{len(end)} and {len(ever)} outcomes")
    return Outcomes(source, label, pairs, about, end, ever)
