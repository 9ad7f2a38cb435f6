"""By how much the resident memory of a process grows, at most, during one decision: B = 100, N =
512, H = 16, six iterations. Linux only.

Each planner in a process of its own: `python -m benchmarks.planners.memory cem` prints one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch

from benchmarks.planners.peers import missing
from benchmarks.planners.problems import Network, RolloutCost
from benchmarks.planners.speed import contenders
from benchmarks.planners.store import Job

PROBLEMS = 100


def jobs(quick: bool) -> list[Job]:
    """Ours, and where it is installed the peer in one batch of a hundred and, as by default, one
    problem after the other.
    """
    names = ["cem", *([] if missing() else ["swm cem", "swm cem, one batch"])]
    return [Job(("memory", name), partial(measure, name)) for name in names[: 1 if quick else None]]


def measure(name: str) -> dict[str, float]:
    """Peak growth [MiB]."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.planners.memory",
        name,
        str(torch.get_num_threads()),
    ]
    return json.loads(
        subprocess.run(
            command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        ).stdout
    )


def grown(name: str) -> dict[str, float]:
    network = Network()
    contender = contenders(network)[name]
    for B in (1, PROBLEMS):  # the first one loads what is loaded once
        contender.reset(B, 0)
        cost = RolloutCost(network, network.starts(B, 0))
        before = status("VmRSS")
        contender.act(cost)
    return {"mib": round((status("VmHWM") - before) / 1024, 1)}


def status(key: str) -> int:
    """A line of /proc/self/status [KiB]; of the process's own memory, which `getrusage` mixes with
    that of its parent.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    print(json.dumps(grown(sys.argv[1])))
