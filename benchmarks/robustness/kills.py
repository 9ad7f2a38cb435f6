"""Kills `collect` and `train` at random moments and counts what was lost: `python -m
benchmarks.robustness.kills --kills 100` prints a table.

Each command runs as a process of its own until SIGKILL, then again with the same settings; whenever
it comes to its end, a new folder is begun. After every kill the folder must open, hold no fewer
episodes than before, and each must be, bit for bit, that of a collection that was never killed; a
training that comes to its end must have the weights of one that was never killed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latent_mpc.configs.errors import FailedError
from latent_mpc.envs.rollouts.reader import Rollouts

COLLECT = ["collect", "task=reacher", "episodes=500", "workers=2"]
DATA = ["collect.episodes=40", "collect.workers=1", "validation_episodes=1"]
MODEL = [
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "cost_to_go.hidden=16",
    "cost_to_go.metric=8",
]
STEPS = [
    "training.steps=60",
    "training.batch=8",
    "training.horizon=3",
    "training.save_every=10",
    "cost_to_go.steps=60",
    "cost_to_go.batch=16",
]
PLAN = ["planner.samples=8", "planner.iterations=1", "planner.elites=4", "planner.horizon=2"]
TRAIN = ["train", "task=reacher", "device=cpu", *DATA, *MODEL, *STEPS, *PLAN]


@dataclass
class Tally:
    """What became of one command."""

    kills: int = 0
    finished: int = 0  # runs that came to their end
    lost: int = 0  # finished episodes that were gone after a kill
    differ: int = 0  # episodes with other bytes than those of the collection that was never killed
    unopened: int = 0  # folders that did not open
    unequal: int = 0  # runs with other results than the one that was never killed


def start(command: Sequence[str], out: Path) -> subprocess.Popen[str]:
    """The command as a process group of its own, one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "latent_mpc.agent.cli.main", *command, f"out={out}"]
    return subprocess.Popen(
        words,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def finish(command: Sequence[str], out: Path) -> float:
    """Run to the end; returns the seconds it took. Raises RuntimeError if it fails."""
    begin, process = time.perf_counter(), start(command, out)
    _, err = process.communicate()
    if process.returncode:
        raise FailedError(f"{' '.join(command)} failed: {err.strip()}")
    return time.perf_counter() - begin


def torment(
    command: Sequence[str],
    kills: int,
    rng: np.random.Generator,
    work: Path,
    data: str,
    result: Callable[[Path], bytes],
) -> Tally:
    """Kill the command `kills` times, then let it finish; the reference is collected first.

    Args:
        data: where in the run's folder its rollouts are.
        result: what must be equal at the end.
    """
    whole, out, tally, before = work / "whole", work / "out", Tally(), 0
    seconds = finish(command, whole)
    reference, wanted = Rollouts(whole / data), result(whole)
    while tally.kills < kills:
        process = start(command, out)
        try:
            _, err = process.communicate(timeout=rng.uniform(0.0, seconds))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        if process.returncode == 0:  # it came to its end before
            tally.finished += 1
            tally.unequal += result(out) != wanted
            shutil.rmtree(out)
            before = 0
            continue
        if process.returncode != -signal.SIGKILL:
            raise FailedError(f"{' '.join(command)} failed: {err.strip()}")
        tally.kills += 1
        before = inspect(out / data, reference, before, tally)
    finish(command, out)
    inspect(out / data, reference, before, tally)
    tally.finished += 1
    tally.unequal += result(out) != wanted
    return tally


def inspect(path: Path, reference: Rollouts, before: int, tally: Tally) -> int:
    """Count what is lost or differs; returns the number of finished episodes."""
    if not (path / "meta.json").exists():
        tally.lost += before
        return 0
    try:
        rollouts = Rollouts(path)
    except (OSError, ValueError):
        tally.unopened += 1
        return before
    tally.lost += max(0, before - len(rollouts))
    for i in range(len(rollouts)):
        found, wanted = rollouts.episode(i), reference.episode(i)
        tally.differ += any(found[key].tobytes() != wanted[key].tobytes() for key in reference.keys)
    return len(rollouts)


def rollout_bytes(out: Path) -> bytes:
    """Every file of the rollouts but the lock, one after another."""
    return b"".join(
        path.read_bytes() for path in sorted(out.iterdir()) if path.name != "rollouts.lock"
    )


def weights(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


def main(kills: int, seed: int) -> int:
    """Half of the kills for each command; returns how many of them cost something."""
    rng = np.random.default_rng(seed)
    tallies = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("collect", "train"):
            (Path(folder) / name).mkdir()
        tallies["collect"] = torment(
            COLLECT, kills // 2, rng, Path(folder) / "collect", ".", rollout_bytes
        )
        tallies["train"] = torment(
            TRAIN, kills - kills // 2, rng, Path(folder) / "train", "data", weights
        )
    print(
        "| command | kills | runs finished | episodes lost | episodes that differ | folders that"
        " did not open | runs with another result |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, tally in tallies.items():
        print(f"| {name} | {' | '.join(str(value) for value in vars(tally).values())} |")
    return sum(
        tally.lost + tally.differ + tally.unopened + tally.unequal for tally in tallies.values()
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    sys.exit(main(chosen.kills, chosen.seed) != 0)
