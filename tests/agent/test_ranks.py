"""Several processes that train together: they compute what one would, say and write it once, and
one that is killed costs nothing but time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from latent_mpc.agent import ranks
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.training.metrics import Metrics
from tests.agent.rank_gradients import gradients
from tests.factories import refusal
from tests.test_end_to_end import TINY

ROOT = Path(__file__).parents[2]
STEPS, SAVED = 200, 2  # of the world model: long enough to be stopped in the middle
WAIT = 600.0  # [s] for what takes seconds, on a machine that is busy
LONG = [*TINY, f"training.steps={STEPS}", f"training.save_every={SAVED}"]


class Launcher:
    """Starts two ranks of `python -m …`, of which each writes to files of its own."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def __call__(self, logs: Path, *words: str) -> subprocess.Popen[bytes]:
        own_files = ("--nproc-per-node", "2", "--redirects", "3", "--log-dir", str(logs))
        return self.start("torch.distributed.run", "--standalone", *own_files, "-m", *words)

    def start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        """One process."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.started.append(process)
        return process


@pytest.fixture(scope="module")
def torchrun() -> Iterator[Launcher]:
    """Of which nothing outlives the tests; torchrun ends its ranks when it is told to end."""
    launcher = Launcher()
    yield launcher
    for process in launcher.started:
        if process.poll() is None:
            process.terminate()


def said(logs: Path, rank: int, stream: str = "stderr") -> str:
    (file,) = logs.glob(f"**/attempt_0/{rank}/{stream}.log")
    return file.read_text()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    while not condition():
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.005)


def step(run: Path) -> int:
    """That the world model's state on disk is of; 0 = none."""
    file = run / "training" / "world_model.safetensors"
    with contextlib.suppress(OSError, SafetensorError), safe_open(file, "pt") as state:
        return int(state.metadata()["step"])
    return 0


def process_of(rank: int, launcher: int) -> int:
    """The process of a rank, by its environment."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            environment = (folder / "environ").read_bytes().split(b"\0")
            if parent == str(launcher) and f"RANK={rank}".encode() in environment:
                return int(folder.name)
    raise AssertionError(f"no rank {rank}")


@pytest.fixture(scope="module")
def both(torchrun: Launcher, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """Gradients as two ranks average them."""
    folder = tmp_path_factory.mktemp("ranks")
    process = torchrun(folder / "logs", "tests.agent.rank_gradients", str(folder))
    assert process.wait(WAIT) == 0, said(folder / "logs", 0)
    return load_file(folder / "ranks")


def test_two_ranks_with_half_the_batch_have_the_gradients_of_one_process(
    both: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    alone = gradients(tmp_path)
    assert alone.keys() == both.keys()
    phases = {key.partition(" ")[0] for key in alone}
    assert phases >= {"jepa", "identity", "tracks", "cost_to_go", "cost_to_go_paths", "value"}
    # 1e-12: of biases that a normalisation takes away again, rounding is all there is
    torch.testing.assert_close(both, alone, rtol=1e-6, atol=1e-12)


def test_without_torchrun_there_is_one_rank_and_no_process_group() -> None:
    rows = torch.arange(6.0)
    assert (ranks.rank(), ranks.count()) == (0, 1) and not torch.distributed.is_initialized()
    assert ranks.own(rows) is rows and ranks.gather(rows) is rows


def test_a_batch_that_ranks_cannot_split_is_refused_with_those_that_they_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "count", lambda: 3)
    batches = ["training.batch=9", "probe.batch=9", "cost_to_go.batch=16"]
    assert refusal(capsys, "train", *TINY, *batches, f"out={tmp_path / 'run'}") == (
        "cost_to_go.batch must divide by the number of ranks, got 16 for 3; give"
        " cost_to_go.batch=15 or 18, or another --nproc-per-node"
    )
    assert not (tmp_path / "run").exists()


def test_variables_of_torchrun_without_torchrun_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    line = refusal(capsys, "train", *TINY)
    assert line.startswith("RANK and WORLD_SIZE say that torchrun started this process, but ")
    assert line.endswith("start it with torchrun, or unset both")
    assert "torchrun processes of one job" in refusal(capsys, "train", *TINY, "--multirun")


@pytest.mark.slow
def test_a_killed_rank_ends_the_job_in_one_line_and_the_same_command_finishes_it(
    torchrun: Launcher, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("latent_mpc", "train", *LONG, f"out={run}")
    job = torchrun(tmp_path / "killed", *words)
    wait_for(lambda: step(run) > 0, job)
    os.kill(process_of(1, job.pid), signal.SIGKILL)
    assert job.wait(WAIT) != 0
    *_, last = said(tmp_path / "killed", 0).splitlines()
    assert last == f"latent-mpc: {ranks.LOST}"
    assert "Traceback" not in said(tmp_path / "killed", 0)
    assert (said(tmp_path / "killed", 1), said(tmp_path / "killed", 1, "stdout")) == ("", "")
    assert 0 < step(run) < STEPS
    assert torchrun(tmp_path / "again", *words).wait(WAIT) == 0
    assert said(tmp_path / "again", 0).count("world model: ") == 1
    assert said(tmp_path / "again", 0, "stdout").count(f"wrote {run} in") == 1
    assert (said(tmp_path / "again", 1), said(tmp_path / "again", 1, "stdout")) == ("", "")
    assert json.loads((run / "results.json").read_text())["resumed"]
    logged = [(line["phase"], line["step"]) for line in Metrics(run / "metrics.jsonl").read()]
    assert len(logged) == len(set(logged))
    plain = ["episodes=1", "planner.iterations=1", f"out={tmp_path / 'evaluated'}"]
    assert cli.main(["evaluate", f"checkpoint={run}", *plain]) == 0


@pytest.mark.slow
def test_a_run_goes_on_with_other_numbers_of_ranks(torchrun: Launcher, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", *LONG, f"out={run}")
    alone = torchrun.start("latent_mpc", *words)
    wait_for(lambda: step(run) > 0, alone)
    alone.send_signal(signal.SIGINT)
    assert alone.wait(WAIT) == 130
    first = step(run)
    two = torchrun(tmp_path / "two", "latent_mpc", *words)
    wait_for(lambda: step(run) > first, two)
    two.send_signal(signal.SIGINT)
    two.wait(WAIT)
    told = said(tmp_path / "two", 0) + said(tmp_path / "two", 1)
    assert told.count("latent-mpc: stopped: world_model is saved at step") == 1
    assert first < step(run) < STEPS
    assert cli.main(words) == 0
    losses = {
        int(line["step"]): float(line["loss"])
        for line in Metrics(run / "metrics.jsonl").read()
        if line["phase"] == "world_model"
    }
    assert list(losses) == [*range(0, STEPS, 50), STEPS - 1]
    assert losses[STEPS - 1] < losses[0]


@pytest.mark.slow
def test_what_is_refused_is_said_once(torchrun: Launcher, tmp_path: Path) -> None:
    job = torchrun(tmp_path, "latent_mpc", "evaluate", "checkpoint=reacher-pixels")
    assert job.wait(WAIT) != 0
    assert said(tmp_path, 0) + said(tmp_path, 1) == (
        "latent-mpc: torchrun starts several processes, which only train shares its work over;"
        " give `latent-mpc evaluate` without it\n"
    )
