"""Rates of success with their intervals: of one run, of each third of the distances.

Shapes: B pairs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

Z95 = 1.959964  # two-sided 95 % quantile of the standard normal
THIRDS = ("near", "middle", "far")


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate (Wilson 1927)."""
    rate, z2 = successes / trials, Z95**2 / trials
    centre = (rate + z2 / 2) / (1 + z2)
    half = Z95 * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials)) / (1 + z2)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    # exactly, whatever the rounding
    return (0.0 if successes == 0 else low), (1.0 if successes == trials else high)


def rate(success: Bool[np.ndarray, " B"]) -> dict[str, float]:
    """Share of successes with its interval, all in [0, 1]."""
    low, high = wilson(int(success.sum()), len(success))
    return {"rate": float(success.mean()), "low": low, "high": high}


def thirds(success: Bool[np.ndarray, " B"], far: Float[np.ndarray, " B"]) -> dict[str, Any] | None:
    """Success of the near, middle and far third of the pairs, each with its count and its span of
    distances `far`, which are in any unit. Equal distances are kept in order. None for fewer than
    three pairs.
    """
    if len(success) < len(THIRDS):
        return None
    which, result = third_of(far), {}
    for i, name in enumerate(THIRDS):
        part = which == i
        result[name] = {
            "pairs": int(part.sum()),
            "reached": int(success[part].sum()),
            **rate(success[part]),
            "from": float(far[part].min()),
            "to": float(far[part].max()),
        }
    return result


def third_of(values: Float[np.ndarray, " B"]) -> Int[np.ndarray, " B"]:
    """Which third each value lies in, 0 to 2, by rank: as equal in size as can be, equal values
    kept in order.
    """
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return ranks * len(THIRDS) // len(values)


def spearman(a: Float[np.ndarray, " M"], b: Float[np.ndarray, " M"]) -> float | None:
    """Rank correlation (Spearman 1904), ties sharing their mean rank. None for fewer than three
    values or where one side is constant.
    """
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]
