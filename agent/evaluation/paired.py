"""Two results on the very same pairs: their difference, pair by pair, with an interval. No pair is
compared with another one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.seeding import stream

RESAMPLES = 10_000


def paired_difference(
    one: Sequence[float], other: Sequence[float], seed: int = 0
) -> dict[str, float]:
    """Mean of `one - other` over pairs with its 95 % interval by bootstrap over pairs (percentiles;
    Efron 1979).

    Raises ValueError if they are not of equally many pairs, or of none.
    """
    if len(one) != len(other) or not len(one):
        raise LatentMPCError(
            f"outcomes must be of the same pairs, at least one, got {len(one)} and {len(other)}"
        )
    difference = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    rng = stream(seed)
    means = [
        difference[rng.integers(len(difference), size=(100, len(difference)))].mean(axis=1)
        for _ in range(RESAMPLES // 100)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return {"mean": float(difference.mean()), "low": float(low), "high": float(high)}
