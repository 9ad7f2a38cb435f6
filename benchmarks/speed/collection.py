"""How fast rollouts are collected: `python -m benchmarks.speed.collection` prints frames/s of
Reacher from states and from 64 x 64 pixels.

Whole collections through the same function as `latent-mpc collect`, on disk, one worker per core.
The pace is that between an early episode and the last one, so that starting the processes, seconds
once, is not counted; with it is given beside.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.rollouts.format import INDEX, line_width, size

EPISODES = {"state": 6000, "pixels": 200}
KEYS = 3  # arrays of such rollouts
BEGUN = 0.05  # share of the episodes after which the pace is taken


def measure(obs: str, episodes: int, workers: int, out: Path) -> tuple[float, float]:
    """Frames/s once it runs, and from the first call on."""
    times: list[tuple[float, int]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            times.append((time.perf_counter(), size(out / INDEX) // line_width(KEYS)))

    watcher = threading.Thread(target=watch)
    begin = time.perf_counter()
    watcher.start()
    rollouts = collect(
        "reacher",
        {"size": 64},
        (obs,),
        BehaviourConfig(),
        episodes,
        0,
        out,
        workers=workers,
        progress=False,
    )
    end = time.perf_counter()
    done.set()
    watcher.join()
    frames = int(rollouts.lengths[0]) + 1
    first, already = next(pair for pair in times if pair[1] >= BEGUN * episodes)
    return frames * (episodes - already) / (end - first), frames * episodes / (end - begin)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    chosen = parser.parse_args()
    print("| observation | workers | frames/s | start included |\n| --- | --- | --- | --- |")
    for obs, episodes in EPISODES.items():
        with tempfile.TemporaryDirectory() as folder:
            pace, whole = measure(obs, episodes, chosen.workers, Path(folder) / obs)
        print(f"| {obs} | {chosen.workers} | {pace:,.0f} | {whole:,.0f} |", flush=True)
