"""A few of the kills that `benchmarks/kills.py` deals by the hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "kills.py"


def test_kills_at_random_moments_cost_no_episode_and_no_bit_of_the_weights() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--kills", "2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["collect", "train"]
    for row in rows:
        _, kills, finished, *costs = row
        assert int(kills) == 1 and int(finished) >= 1
        assert set(costs) == {"0"}
