"""Results side by side on the very same pairs: each one's success, and its difference from the first, pair by pair.

Takes `results.json` of an evaluation and `horizon.json` of a horizon study, or the folders that hold them; refuses different pairs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latent_mpc.agent.evaluation import rate
from latent_mpc.agent.paired import paired_difference

FILES = ("results.json", "horizon.json")


@dataclass
class Outcomes:
    """What one setting reached on pairs."""

    name: str
    pairs: str  # fingerprint of the pairs
    about: str  # what these pairs are, for people
    end: list[int]  # 1 or 0 of each pair
    any: list[int]


def read_outcomes(path: str | Path) -> list[Outcomes]:
    """The outcomes in a file, or in a folder's results.json or horizon.json: one of an evaluation, one for each horizon of a study.

    Raises:
        FileNotFoundError: neither is there.
        ValueError: it is no such file, or one without the outcome of each pair.
    """
    path = Path(path)
    file = next((path / name for name in FILES if (path / name).is_file()), path)
    if not file.is_file():
        raise FileNotFoundError(f"{path} must be a results.json, a horizon.json or a folder with one of them")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        about = f"{found['task']}, {found['pairs']['kind']} pairs of seed {found['pairs']['seed']}"
        if "success" in found:
            rungs = [one for one in found["success"] if one["role"] == "horizon"]
            return [_outcomes(f"{path}, {one['label']}", one["pairs_fingerprint"], about, one) for one in rungs]
        return [_outcomes(str(path), found["outcomes"]["pairs"], about, found["outcomes"])]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} does not hold the outcome of each pair; write it again with this version ({error!r:.80})") from error


def compare(results: Sequence[Outcomes]) -> list[dict[str, Any]]:
    """`{"name": …, "end": rate, "any": rate, "minus_first": paired difference at the end}` of each; the first one's difference is 0.

    Raises ValueError unless all played the same pairs, and there are two at least.
    """
    if len(results) < 2:
        raise ValueError(f"compare needs two results or more, got {len(results)}")
    first = results[0]
    for other in results[1:]:
        if other.pairs != first.pairs or len(other.end) != len(first.end):
            raise ValueError(
                f"results must be of the same pairs: {first.name} played {len(first.end)} ({first.about}), {other.name} played "
                f"{len(other.end)} ({other.about}); evaluate one again with the other's task, episodes and pairs"
            )
    return [
        {
            "name": one.name,
            "end": rate(np.array(one.end, bool)),
            "any": rate(np.array(one.any, bool)),
            "minus_first": paired_difference(one.end, first.end),
        }
        for one in results
    ]


def _outcomes(name: str, pairs: str, about: str, found: dict[str, Any]) -> Outcomes:
    end, ever = ([int(value) for value in found[key]] for key in ("end", "any"))
    if not end or len(end) != len(ever):
        raise ValueError(f"{len(end)} and {len(ever)} outcomes")
    return Outcomes(name, pairs, about, end, ever)
