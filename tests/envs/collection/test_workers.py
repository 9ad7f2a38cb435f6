"""Worker processes on their own; what they are to a collection stands in test_collect.py."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latent_mpc.envs.collection.workers import _pool, in_workers

SCRIPT = """
from functools import partial
from latent_mpc.envs.collection.workers import _pool, in_workers
from tests.envs.collection.test_workers import sleeper
list(in_workers(partial(sleeper, {path!r}), [600], 1, 1000.0))
"""

SLOW_TO_IMPORT = """
import multiprocessing, os, time
from pathlib import Path
def start():
    return abs
if multiprocessing.current_process().name != "MainProcess":
    time.sleep(0.5)
    (Path(__file__).parent / f"imported-{os.getpid()}").touch()
"""


def sleeper(path: str) -> Callable[[int], None]:
    """Says who it is, then sleeps for as many seconds as it is told."""
    Path(path).write_text(f"{os.getpid()}\n")
    return time.sleep


def test_a_worker_ends_with_a_parent_that_is_killed_even_at_work(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(path=str(path))], cwd=Path(__file__).parents[3]
    ) as parent:
        while not (path.exists() and path.read_text().endswith("\n")):
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
    worker = int(path.read_text())
    # an orphan is taken over by another process, which may be slow to clear it away
    for _ in range(1000):
        if not running(worker):
            return
        time.sleep(0.02)
    os.kill(worker, 9)
    raise AssertionError("the worker goes on")


@pytest.mark.slow
def test_a_worker_is_not_killed_amid_its_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text(SLOW_TO_IMPORT)
    monkeypatch.syspath_prepend(tmp_path)
    start = importlib.import_module("slow_to_import").start
    with _pool(start, 2):
        pass
    assert len(list(tmp_path.glob("imported-*"))) == 2, (
        "glfw's import has a child process, whose traceback is seen where its parent is killed"
    )
    assert list(in_workers(start, [1, 2, 3], 2, 300.0)) == [1, 2, 3]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
