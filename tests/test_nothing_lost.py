"""Ctrl-C, a full disk, a second writer on the same folder: one line that says how to go on, and
nothing lost.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from latent_mpc.agent.cli import main as cli
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.files import only_writer
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.factories import refusal

MODEL = [
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "cost_to_go.hidden=16",
    "cost_to_go.metric=8",
]
STEPS = [
    "training.batch=8",
    "training.horizon=3",
    "training.save_every=50000",
    "cost_to_go.steps=6",
    "probe.steps=5",
    "value.steps=5",
    "cost_to_go.batch=16",
]
PLAN = [
    "planner.samples=8",
    "planner.iterations=1",
    "planner.elites=4",
    "planner.horizon=2",
    "validation_episodes=1",
]
TRAIN = ["train", "task=reacher", "device=cpu", *MODEL, *STEPS, *PLAN]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rollouts") / "data"
    collect(
        "reacher",
        {"size": 64},
        ("state",),
        BehaviourConfig(),
        6,
        0,
        path,
        workers=1,
        progress=False,
    )
    return path


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can be longer than `size`: writing more fails as it does on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
def test_ctrl_c_finishes_the_step_in_hand_saves_and_says_how_to_go_on(
    data: Path, tmp_path: Path
) -> None:
    words = [*TRAIN, "training.steps=100000", f"data={data}", f"out={tmp_path / 'run'}"]
    command = [sys.executable, "-m", "latent_mpc.agent.cli.main", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    # until it trains
    while not (tmp_path / "run" / "metrics.jsonl").exists() and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    last = err.splitlines()[-1]
    assert last.startswith("latent-mpc: stopped: world_model is saved at step ")
    assert last.endswith(
        f" of 100000 in {tmp_path / 'run'}; the same command again goes on from there"
    )
    assert 0 < int(last.split("at step ")[1].split()[0]) < 50_000
    assert "Traceback" not in err + out
    assert (tmp_path / "run" / "training" / "world_model.safetensors").exists()


def test_ctrl_c_between_steps_says_how_to_go_on_too(tmp_path: Path) -> None:
    said = f"what was saved is in {tmp_path / 'run'}; the same command again goes on from there"
    with pytest.raises(KeyboardInterrupt, match=said), only_writer(tmp_path / "run"):
        signal.raise_signal(signal.SIGINT)
    assert not (tmp_path / "run" / "training").exists()


@pytest.mark.slow
def test_a_disk_that_is_full_is_said_in_one_line_and_the_run_goes_on_when_there_is_room(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, safe = (
        tmp_path / "run",
        (
            "File too large; what was written before is whole: make room, and give the same command"
            " again"
        ),
    )
    words = [*TRAIN, "training.steps=5", f"data={data}", f"out={run}"]
    for size, file in (
        (60, "run.json"),
        (4000, "metrics.jsonl"),
        (6000, "training/world_model.safetensors"),
    ):
        earlier = 142 if file == "metrics.jsonl" else 0  # lines that almost fill it
        run.mkdir(exist_ok=True)
        (run / "metrics.jsonl").write_text('{"phase": "old", "step": 0}\n' * earlier)
        with full_disk(size):
            assert refusal(capsys, *words, alone=False) == f"cannot write {run / file}: {safe}"
        assert list(run.rglob("*.tmp")) == []
    assert cli.main(words) == 0
    assert cli.main(["inspect", str(run)]) == 0


def test_a_disk_that_is_full_while_collecting_leaves_the_episodes_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["collect", "task=reacher", "episodes=6", "workers=1", f"out={tmp_path / 'data'}"]
    with full_disk(50_000):
        said = refusal(capsys, *words, alone=False)
    kept = (50_000 - 256) // (61 * 29 * 8)  # whole episodes of 29 doubles a row
    safe = f"the {kept} episodes before it are safe, the same command continues from there"
    assert said == f"cannot write episode {kept} to {tmp_path / 'data'}: File too large; {safe}"
    assert len(Rollouts(tmp_path / "data")) == kept
    assert cli.main(words) == 0
    assert len(Rollouts(tmp_path / "data")) == 6
    assert Rollouts(tmp_path / "data").verify() == []


def test_a_second_writer_of_the_same_folder_is_refused_and_told_who_writes(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lock = tmp_path / "run", tmp_path / "run" / "training" / "run.lock"
    with only_writer(run):
        said = refusal(capsys, *TRAIN, f"data={data}", f"out={run}", alone=False)
    assert said.startswith(f"{lock.parent} is being written by process {os.getpid()} on ")
    assert said.endswith(f", which holds {lock}; wait or give another folder")
    assert not (run / "run.json").exists()
    with RolloutWriter(tmp_path / "data", {}):
        assert f"{tmp_path / 'data'} is being written by " in refusal(
            capsys, "collect", "task=reacher", f"out={tmp_path / 'data'}"
        )
