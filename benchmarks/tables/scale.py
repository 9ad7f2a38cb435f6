"""What limits first with 1, 8, 64 and 1 000 workers, and at 10⁹ frames: `python -m
benchmarks.tables.scale` reckons it from `scale.yaml` and writes docs/scale.md.

A small model, on paper: each rate of one worker times their number, until something that they share
is full. `--measure FILE` takes what it is checked against, both numbers of workers in turn.

    collecting   W workers, one process that writes a folder, or one folder each
    training     W ranks share a batch, and average gradients in a ring: each sends and receives
                 2 (W - 1) / W of them, in 2 (W - 1) messages
    evaluating   shards of 25 pairs, each on one core
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks.running import read
from benchmarks.speed import collection
from benchmarks.tables import scale_page
from latent_mpc.envs.files import replace

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORKERS = (1, 8, 64, 1000)
FRAMES = 1e9
FLOAT = 4  # bytes
EPISODES, STEPS = 100, 60  # of an evaluation of Reacher [pairs, control steps]
CHECKED, CHECKED_PAIRS = 80, 50  # episodes that a check collects; pairs that it plays, 2 shards
CHECK = ROOT / "docs" / "scale-check.json"


class Rate(NamedTuple):
    """What W workers reach, and what keeps them from more."""

    value: float
    limit: str


def numbers() -> dict[str, dict[str, Any]]:
    """What the page is reckoned from, by name."""
    return yaml.safe_load((HERE / "scale.yaml").read_text(encoding="utf-8"))


def collecting(n: Mapping[str, float], obs: str, workers: int, folders: int = 1) -> Rate:
    """Frames/s into `folders` folders, each with a process that writes it."""
    simulated = workers * n[f"collect_{obs}"]
    written = folders * n["disk"] / n[f"frame_{obs}"]
    return Rate(min(simulated, written), "simulation" if simulated <= written else "one writer")


def training(n: Mapping[str, float], obs: str, ranks: int) -> Rate:
    """Updates/s of the world model; more ranks than windows have nothing to do."""
    used = min(ranks, round(n["batch"]))
    share = (n[f"update_{obs}"] - n["serial"]) / used
    gradients = FLOAT * n[f"parameters_{obs}"]
    sent = 2 * (used - 1) / used * gradients / n["network"] if used > 1 else 0.0
    messages = 2 * (used - 1) * n["latency"]
    parts = {
        "arithmetic": share,
        "gradients on the network": sent,
        "messages between ranks": messages,
        "what every rank does alike": n["serial"],
    }
    limit = max(parts, key=lambda name: parts[name])
    if ranks > used and limit == "arithmetic":
        limit = "windows of a batch"
    return Rate(1 / sum(parts.values()), limit)


def evaluating(n: Mapping[str, float], pairs: int, workers: int) -> Rate:
    """Seconds for pairs of Reacher from pixels, the start of processes included where there are
    several.
    """
    shards = math.ceil(pairs / n["shard"])
    played = math.ceil(shards / workers) * min(pairs, n["shard"]) * STEPS * n["decide"]
    limit = "shards of 25" if workers > shards else "decisions"
    return Rate(played + (n["start"] if workers > 1 else 0), limit)


def check(path: Path) -> None:
    """Collect and evaluate with one and two processes, in turn, and write the seconds."""
    found: dict[str, Any] = {"load_before": os.getloadavg()[0]}
    for workers in (1, 2, 1, 2):
        with tempfile.TemporaryDirectory() as folder:
            pace, _ = collection.measure("pixels", CHECKED, workers, Path(folder) / "data")
        found.setdefault("collecting", {}).setdefault(str(workers), []).append(pace)
        print(f"collecting with {workers}: {pace:.0f} frames/s", flush=True)
    for workers in (1, 2):
        seconds = evaluation(workers)
        found.setdefault("evaluating", {})[str(workers)] = seconds
        print(f"evaluating with {workers}: {seconds:.1f} s", flush=True)
    replace(path, (json.dumps(found, indent=2) + "\n").encode())


def evaluation(cores: int) -> float:
    """Seconds of `latent-mpc evaluate` that may use some cores, one or two, its start included."""
    allowed = set(sorted(os.sched_getaffinity(0))[:cores])
    with tempfile.TemporaryDirectory() as folder:
        words = ["checkpoint=reacher-pixels", f"episodes={CHECKED_PAIRS}", f"out={folder}/out"]
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "latent_mpc", "evaluate", *words],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        return time.perf_counter() - begin


def tables(n: Mapping[str, float]) -> dict[str, list[list[str]]]:
    """Rows of the page, by table."""
    found: dict[str, list[list[str]]] = {"collecting": [], "training": [], "evaluating": []}
    for workers in WORKERS:
        for obs in ("state", "pixels"):
            rate = collecting(n, obs, workers)
            own = collecting(n, obs, workers, folders=workers)
            shown = f"{rate.value:,.0f}", f"{rate.value * n[f'frame_{obs}'] / 1e6:,.1f}"
            times = (
                scale_page.duration(FRAMES / rate.value),
                scale_page.duration(FRAMES / own.value),
            )
            found["collecting"].append([f"{workers:,}", obs, *shown, rate.limit, *times])
            update = training(n, obs, workers)
            passed = FRAMES / n["frames_per_update"] / update.value
            found["training"].append(
                [
                    f"{workers:,}",
                    obs,
                    f"{update.value:,.1f}",
                    f"{update.value / training(n, obs, 1).value:,.1f}",
                    update.limit,
                    scale_page.duration(passed),
                ]
            )
        one = evaluating(n, EPISODES, workers)
        many = evaluating(n, 100 * EPISODES, workers)
        each = [(scale_page.duration(of.value), of.limit) for of in (one, many)]
        found["evaluating"].append([f"{workers:,}", *each[0], *each[1]])
    return found


def main() -> None:
    """Write the page."""
    told = numbers()
    values = {name: float(number["value"]) for name, number in told.items()}
    found = read(CHECK)
    if found:
        one, two = (evaluating(values, CHECKED_PAIRS, count).value for count in (1, 2))
        found["reckoned"] = {"evaluating": (values["start"] + one) / (values["start"] + two)}
    page = scale_page.page(told, values, tables(values), found)
    (ROOT / "docs" / "scale.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", type=Path, help="take the check, and write it there")
    given = parser.parse_args()
    if given.measure:
        check(given.measure)
    else:
        main()
