"""How fast random windows are read from rollouts: `python -m benchmarks.speed.windows FOLDER`
prints batches/s of 128 windows x 8 rows.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from latent_mpc.envs.rollouts.reader import Rollouts

BATCHES = 300


def main(folder: str) -> None:
    rollouts, rng = Rollouts(folder), np.random.default_rng(0)
    for _ in range(BATCHES):  # into the page cache
        rollouts.windows(rng, 128, 8)
    begin = time.perf_counter()
    for _ in range(BATCHES):
        rollouts.windows(rng, 128, 8)
    print(
        f"{BATCHES / (time.perf_counter() - begin):,.0f} batches/s of 128 windows x 8 rows from"
        f" {folder}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
