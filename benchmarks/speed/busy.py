"""What a decision takes on busy cores, by how torch's threads wait: `python -m
benchmarks.speed.busy [rounds=3] [out=FILE]`.

Decisions of the shipped Reacher, pixels to action, one problem: alone and beside two processes that
compute without end, which this one starts and stops. OpenMP reads its settings once, so each
measurement is a fresh process; settings and the two states take turns, so that what else the
machine does falls on all alike. Alone is only alone where nothing else runs: the load before is in
the json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.planners import shipped
from latent_mpc.agent.devices import machine
from latent_mpc.agent.evaluation.evaluate import time_decisions
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.agent.evaluation.results import make_folder, versions, write_json

ROOT = Path(__file__).parents[2]
PASSIVE, ONE = "OMP_WAIT_POLICY=PASSIVE", "OMP_NUM_THREADS=1"
# of the environment
SETTINGS = ("", PASSIVE, f"{PASSIVE} GOMP_SPINCOUNT=0", ONE, f"{PASSIVE} {ONE}")
OWN = ("OMP_", "GOMP_", "KMP_", "MKL_")  # what the caller set of these is left out
BUSY = 2
FOREVER = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
STATES = {"idle": 0, "busy": BUSY}  # how many others compute


def main(
    rounds: int = 3, out: str = "runs/benchmarks/busy.json", settings: Sequence[str] = SETTINGS
) -> None:
    load = os.getloadavg()
    times: dict[tuple[str, str], list[float]] = {
        (setting, state): [] for setting in settings for state in STATES
    }
    for _ in range(rounds):
        for setting, state in times:
            with others(STATES[state]):
                times[setting, state] += decisions(setting)
    rows = [
        summary(setting, times[setting, "idle"], times[setting, "busy"]) for setting in settings
    ]
    report = {
        "rounds": rounds,
        "busy": BUSY,
        "load_before": load,
        "rows": rows,
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
    }
    make_folder(Path(out).parent)
    write_json(Path(out), report)
    show(rows)
    print(f"load before: {load[0]:.1f}; wrote {out}")


@contextmanager
def others(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that compute for as long as this lasts, or at most as long as this one lives."""
    processes = [subprocess.Popen([sys.executable, "-c", FOREVER]) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def decisions(setting: str) -> list[float]:
    """Times of single decisions in a process of its own [ms]."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(OWN)}
    environment |= dict(word.split("=", 1) for word in setting.split())
    command = [sys.executable, "-m", "benchmarks.speed.busy", "one"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
    times: list[float] = json.loads(done.stdout)
    return times


def one() -> list[float]:
    """What the process of its own measures."""
    agent, task = shipped.agent(), shipped.task()
    return [
        1e3 * seconds
        for seconds in time_decisions(agent, task, draw_pairs(task, 1, shipped.PAIRS).pairs)
    ]


def summary(setting: str, idle: list[float], busy: list[float]) -> dict[str, Any]:
    """Medians and 95th percentiles [ms], and how many times longer the median is on busy cores."""
    found: dict[str, Any] = {"setting": setting or "none, as torch is by default"}
    for state, times in (("idle", idle), ("busy", busy)):
        found[state] = {
            "median": float(np.median(times)),
            "p95": float(np.percentile(times, 95)),
            "decisions": len(times),
        }
    return {**found, "ratio": found["busy"]["median"] / found["idle"]["median"]}


def show(rows: Sequence[dict[str, Any]]) -> None:
    table = Table(
        title=f"one decision of reacher-pixels [ms]: alone, and beside {BUSY} busy processes"
    )
    table.add_column("environment", overflow="fold")
    for heading in ("idle", "95 % below", "busy", "95 % below", "busy / idle"):
        table.add_column(heading, justify="right")
    for row in rows:
        times = (f"{row[state][key]:.1f}" for state in STATES for key in ("median", "p95"))
        table.add_row(row["setting"], *times, f"{row['ratio']:.1f}")
    Console().print(table)


if __name__ == "__main__":
    if sys.argv[1:] == ["one"]:
        print(json.dumps(one()))
    else:
        given = dict(argument.split("=", 1) for argument in sys.argv[1:])
        main(int(given.pop("rounds", 3)), **given)
