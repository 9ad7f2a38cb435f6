"""Memory that a process owns (RssAnon) while it trains on rollouts far larger than memory: `python
-m benchmarks.speed.training_memory`.

Makes a folder of 20 GB that takes next to nothing on the disk: its arrays are sparse files, all
zeros, with the index and checksums that belong to them. A few updates of each phase touch
everything that training keeps per episode or per row. Files that are mapped belong to the page
cache, which the system takes back when it needs it, and are not counted.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np

from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import Job, describe
from latent_mpc.envs.rollouts.format import (
    FORMAT,
    HEADER,
    INDEX,
    META,
    VERSION,
    RowType,
    header,
    index_line,
    meta_file,
)

STEPS = 60  # control steps of an episode
# Zeros teach nothing, so few updates: the watch on a collapsed latent begins at 500.
SHORT = [
    "training.steps=60",
    "cost_to_go.steps=200",
    "validation_episodes=1",
    "planner.iterations=1",
    "device=cpu",
]


def make(path: Path, obs: str, size: float) -> int:
    """Write rollouts of Reacher of `size` bytes, every number zero; returns the episodes."""
    job = Job("reacher", {"size": 64}, (obs,), BehaviourConfig(), 0, STEPS)
    task = job.make()
    meta = describe(job, task)
    types = {
        "action": RowType(np.dtype("<f4"), (2,)),
        "physics": RowType(np.dtype("<f8"), task.snapshot().shape),
    }
    types[obs] = RowType(
        task.observation()[obs].dtype.newbyteorder("<"), task.observation()[obs].shape
    )
    types = dict(sorted(types.items()))
    rows = STEPS + 1
    episodes = int(size / (rows * sum(kind.nbytes for kind in types.values())))
    arrays = {
        key: {"dtype": kind.dtype.str, "shape": list(kind.shape)} for key, kind in types.items()
    }
    path.mkdir(parents=True)
    (path / META).write_bytes(
        meta_file({**meta, "format": FORMAT, "version": VERSION, "arrays": arrays})
    )
    for key, kind in types.items():
        with (path / f"{key}.npy").open("wb") as file:
            file.write(header(kind, rows * episodes))
            file.truncate(HEADER + rows * episodes * kind.nbytes)
    checksums = [zlib.crc32(bytes(rows * kind.nbytes)) for kind in types.values()]
    with (path / INDEX).open("wb") as file:
        file.writelines(index_line(i * rows, STEPS, i, checksums) for i in range(episodes))
    return episodes


def owned(pid: int) -> float:
    """RssAnon of a process [bytes]; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    return 1024.0 * int(found[1]) if found else 0.0


def main(gigabytes: float, kinds: list[str]) -> int:
    """Train on each kind of rollouts; returns the exit status."""
    print(
        "| rollouts | size [GB] | episodes | most memory owned [GB] | seconds | exit status |\n|"
        " --- | --- | --- | --- | --- | --- |"
    )
    worst = 0
    for obs in kinds:
        with tempfile.TemporaryDirectory() as folder:
            episodes = make(Path(folder) / "data", obs, gigabytes * 1e9)
            words = [
                "train",
                "task=reacher",
                f"obs={obs}",
                f"data={folder}/data",
                f"out={folder}/run",
                *SHORT,
            ]
            begin, most = time.perf_counter(), 0.0
            with open(f"{folder}/stderr", "w+") as err:
                process = subprocess.Popen(
                    [sys.executable, "-m", "latent_mpc.agent.cli.main", *words],
                    stdout=subprocess.DEVNULL,
                    stderr=err,
                    env=os.environ,
                )
                while process.poll() is None:
                    most = max(most, owned(process.pid))
                    time.sleep(0.05)
                if process.returncode:
                    err.seek(0)
                    print(err.read(), file=sys.stderr)
            seconds = time.perf_counter() - begin
            print(
                f"| {obs} | {gigabytes:g} | {episodes:,} | {most / 1e9:.2f} | {seconds:.0f} |"
                f" {process.returncode} |",
                flush=True,
            )
            worst = max(worst, process.returncode)
    return worst


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument(
        "--obs", nargs="+", default=["pixels", "state"], choices=["pixels", "state"]
    )
    chosen = parser.parse_args()
    sys.exit(main(chosen.gigabytes, chosen.obs))
