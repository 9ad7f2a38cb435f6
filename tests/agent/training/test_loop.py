"""The optimisation loop: its schedule in closed form, and that being killed costs nothing but
time.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from latent_mpc.agent.heads.head import Schedule
from latent_mpc.agent.training.loop import LOG_EVERY, Trainer
from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.agent.training.train_state import load_state, save_state
from latent_mpc.envs.files import replace

Losses = Callable[[int, np.random.Generator], Mapping[str, Tensor]]
STEPS, SAVE_EVERY = 120, 10
SCHEDULE = Schedule(STEPS, 1e-2, warmup=5, save_every=SAVE_EVERY)


class Stopped(Exception):
    """Stands for whatever ends a run."""


def network(seed: int = 0, hidden: int = 8) -> nn.Sequential:
    """With a normaliser, whose running statistics have to be kept too."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(3, hidden), nn.BatchNorm1d(hidden), nn.Tanh(), nn.Linear(hidden, 1)
        )


def fitting(module: nn.Module, stop_at: int = -1, error: BaseException | None = None) -> Losses:
    """The loss of fitting the sum of three random numbers; at step `stop_at` something happens."""

    def losses(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        if step == stop_at:
            raise error or Stopped
        x = torch.as_tensor(rng.normal(size=(16, 3)), dtype=torch.float32)
        error_ = (module(x)[:, 0] - x.sum(dim=1)).square().mean()
        return {"loss": error_, "twice": 2 * error_}

    return losses


def optimise(
    phase: str, module: nn.Module, losses: Losses, schedule: Schedule, folder: Path, seed: int
) -> None:
    """A phase from its loss."""
    for step in Trainer(folder, seed)(phase, module, schedule):
        step.minimise(losses(step.number, step.rng))


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def logged(folder: Path, phase: str = "fit") -> list[float]:
    return [
        float(line["step"])
        for line in Metrics(folder / "metrics.jsonl").read()
        if line["phase"] == phase
    ]


@pytest.fixture
def straight(tmp_path: Path) -> nn.Module:
    """A network from a run that was never stopped, in tmp_path/straight."""
    module = network()
    optimise("fit", module, fitting(module), SCHEDULE, tmp_path / "straight", seed=3)
    return module


def test_the_rate_rises_linearly_then_falls_by_a_cosine_to_its_final_share() -> None:
    schedule = Schedule(1000, 0.5, warmup=10, final=0.1)
    assert schedule.rate(0) == pytest.approx(0.05)
    assert schedule.rate(4) == pytest.approx(0.25, rel=1e-3)
    assert schedule.rate(500) == pytest.approx(0.5 * (0.1 + 0.9 / 2))
    assert schedule.rate(1000) == pytest.approx(0.05)
    rates = [schedule.rate(step) for step in range(10, 1001)]
    assert rates == sorted(rates, reverse=True)


def test_it_learns(straight: nn.Module) -> None:
    x = torch.as_tensor(np.random.default_rng(0).normal(size=(64, 3)), dtype=torch.float32)
    assert not straight.training
    with torch.no_grad():
        error = (straight(x)[:, 0] - x.sum(dim=1)).square().mean()
    assert error < 1.0  # the variance of the target is 3


@pytest.mark.parametrize("stop_at", [3, SAVE_EVERY, 57, STEPS - 1])
def test_a_stopped_run_goes_on_to_the_very_weights_of_one_that_was_not(
    tmp_path: Path, straight: nn.Module, stop_at: int
) -> None:
    first = network()
    with pytest.raises(Stopped):
        optimise("fit", first, fitting(first, stop_at), SCHEDULE, tmp_path / "run", seed=3)
    # before anything is saved, the caller's initial weights count
    second = network(seed=0 if stop_at < SAVE_EVERY else 1)
    optimise("fit", second, fitting(second), SCHEDULE, tmp_path / "run", seed=3)
    assert same(second, straight)
    assert (
        logged(tmp_path / "run")
        == logged(tmp_path / "straight")
        == [0, LOG_EVERY, 2 * LOG_EVERY, STEPS - 1]
    )


def test_ctrl_c_finishes_the_step_in_hand_and_going_on_from_there_gives_the_same_weights(
    tmp_path: Path, straight: nn.Module
) -> None:
    first = network()
    inner = fitting(first)

    def losses(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        if step == 37:
            signal.raise_signal(signal.SIGINT)
        return inner(step, rng)

    said = (
        rf"fit is saved at step 38 of {STEPS} in {tmp_path / 'run'}; the same command again goes on"
        r" from there"
    )
    with pytest.raises(KeyboardInterrupt, match=said):
        optimise("fit", first, losses, SCHEDULE, tmp_path / "run", seed=3)
    second = network(seed=1)
    optimise("fit", second, fitting(second), SCHEDULE, tmp_path / "run", seed=3)
    assert same(second, straight)
    assert logged(tmp_path / "run") == logged(tmp_path / "straight")


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    def losses(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it went on")

    with pytest.raises(KeyboardInterrupt, match="^$"):
        optimise("fit", network(), losses, SCHEDULE, tmp_path / "run", seed=3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


SCRIPT = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import test_loop as t
from pathlib import Path

class Kill(BaseException):
    pass

module = t.network()
inner = t.fitting(module)

def losses(step, rng):
    if step == 75:
        with (Path(sys.argv[2]) / "metrics.jsonl").open("a") as file:
            file.write('{"phase": "fit", "step": 7')
        os.kill(os.getpid(), signal.SIGKILL)
    return inner(step, rng)

t.optimise("fit", module, losses, t.SCHEDULE, Path(sys.argv[2]), seed=3)
"""


@pytest.mark.slow
def test_a_killed_process_too_and_its_torn_line_of_metrics_is_dropped(
    tmp_path: Path, straight: nn.Module
) -> None:
    folder = tmp_path / "run"
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == -9, done.stderr
    assert (folder / "metrics.jsonl").read_text().endswith('"step": 7')
    module = network(seed=1)
    optimise("fit", module, fitting(module), SCHEDULE, folder, seed=3)
    assert same(module, straight)
    assert (folder / "metrics.jsonl").read_bytes() == (
        tmp_path / "straight" / "metrics.jsonl"
    ).read_bytes()


def test_a_finished_run_is_left_alone(tmp_path: Path, straight: nn.Module) -> None:
    module = network(seed=1)
    before = (tmp_path / "straight" / "metrics.jsonl").read_bytes()
    optimise(
        "fit", module, fitting(module, stop_at=STEPS - 1), SCHEDULE, tmp_path / "straight", seed=3
    )
    assert same(module, straight)
    assert (tmp_path / "straight" / "metrics.jsonl").read_bytes() == before


def test_another_seed_or_phase_draws_other_numbers(tmp_path: Path, straight: nn.Module) -> None:
    for phase, seed in (("fit", 4), ("fot", 3)):
        module = network()
        optimise(phase, module, fitting(module), SCHEDULE, tmp_path / f"{phase}{seed}", seed=seed)
        assert not same(module, straight)


def test_metrics_of_one_phase_are_rewound_and_those_of_others_and_foreign_lines_kept_out(
    tmp_path: Path,
) -> None:
    metrics = Metrics(tmp_path / "metrics.jsonl")
    assert metrics.read() == []
    for phase, step in (("a", 0), ("a", 50), ("b", 0), ("b", 50), ("b", 100)):
        metrics.append(phase=phase, step=step, loss=1.5)
    with metrics.path.open("ab") as file:
        file.write(b'7\n{"loss": 1}\n\xff\xfe\n{"phase": "b", "st')
    metrics.rewind("b", 50)
    text = metrics.path.read_text()
    assert [(line["phase"], line["step"]) for line in map(json.loads, text.splitlines())] == [
        ("a", 0),
        ("a", 50),
        ("b", 0),
    ]


def refused(folder: Path, module: nn.Module) -> str:
    """The one line with which a state on disk is refused; the module is as it was."""
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ValueError, match="does not fit this run") as caught:
        optimise("fit", module, fitting(module), SCHEDULE, folder, seed=3)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder / "training" / "fit.safetensors") in message
    assert message.endswith("give another out=, or delete it to train from the start")
    return message


def test_the_state_of_another_network_is_refused_naming_the_tensor(
    tmp_path: Path, straight: nn.Module
) -> None:
    assert "(0.bias must be [9], is [8])" in refused(tmp_path / "straight", network(hidden=9))
    assert "(0.bias is not expected)" in refused(
        tmp_path / "straight", nn.Sequential(nn.ReLU(), nn.BatchNorm1d(8))
    )
    assert "(0.bias must be float64, is float32)" in refused(
        tmp_path / "straight", network().double()
    )


@pytest.mark.parametrize("kept", [0, 5, 100, 0.5, 0.99])
def test_a_truncated_state_is_refused_in_one_line(
    tmp_path: Path, straight: nn.Module, kept: float
) -> None:
    file = tmp_path / "straight" / "training" / "fit.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    refused(tmp_path / "straight", network())


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "training" / "fit.safetensors"
    file.parent.mkdir()
    save_file({"module.0.weight": torch.zeros(1)}, file)
    assert "(it has no step)" in refused(tmp_path, network())
    module = network()
    tensors = {f"module.{name}": value for name, value in module.state_dict().items()}
    save_file({**tensors, "optimizer.x.y": torch.zeros(1)}, file, metadata={"step": "3"})
    refused(tmp_path, module)


def test_a_saved_state_comes_back_bit_equal_with_its_optimiser(tmp_path: Path) -> None:
    module = network()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1)
    module(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    save_state(tmp_path / "s.safetensors", module, optimizer, 17)
    other = network(seed=1)
    restored = torch.optim.AdamW(other.parameters(), lr=0.1)
    assert load_state(tmp_path / "s.safetensors", other, restored) == 17
    assert same(other, module)
    for index, fields in optimizer.state_dict()["state"].items():
        assert {name: value.tolist() for name, value in fields.items()} == {
            name: value.tolist() for name, value in restored.state_dict()["state"][index].items()
        }
    assert [path.name for path in tmp_path.iterdir()] == ["s.safetensors"]
    assert load_state(tmp_path / "none.safetensors", other, restored) == 0


@pytest.mark.parametrize("step", [0, SAVE_EVERY - 1, LOG_EVERY])
def test_a_loss_that_is_not_finite_stops_the_run_and_is_never_saved(
    tmp_path: Path, step: int
) -> None:
    module = network()
    losses = fitting(module)

    def broken(now: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        terms = losses(now, rng)
        return {"loss": terms["loss"] * (math.nan if now >= step else 1.0)}

    with pytest.raises(
        RuntimeError, match=f"^fit: the loss is nan at step {step}; try a lower learning rate$"
    ):
        optimise("fit", module, broken, SCHEDULE, tmp_path, seed=3)
    if step >= SAVE_EVERY:
        fresh = network()
        optimizer = torch.optim.AdamW(fresh.parameters())
        assert load_state(tmp_path / "training" / "fit.safetensors", fresh, optimizer) == step
        assert all(value.isfinite().all() for value in fresh.state_dict().values())
    else:
        assert not (tmp_path / "training" / "fit.safetensors").exists()


def test_replacing_a_file_leaves_no_half_of_it_behind(tmp_path: Path) -> None:
    replace(tmp_path / "file", b"one")
    replace(tmp_path / "file", b"two")
    assert (tmp_path / "file").read_bytes() == b"two"
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        replace(tmp_path / "taken", b"three")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]


def test_metrics_go_to_tensorboard_where_it_is_installed(tmp_path, monkeypatch):
    seen = []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, *point):
            seen.append((self.folder, *point))

    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", type(sys)("torch.utils.tensorboard")
    )
    sys.modules["torch.utils.tensorboard"].SummaryWriter = SummaryWriter
    Metrics(tmp_path / "metrics.jsonl").append(phase="world_model", step=50, loss=0.5)
    assert seen == [(str(tmp_path / "tensorboard"), "world_model/loss", 0.5, 50)]


def test_metrics_are_only_lines_of_json_where_tensorboard_is_not(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # its import fails
    metrics = Metrics(tmp_path / "metrics.jsonl")
    metrics.append(phase="probe", step=0, loss=1.0)
    assert metrics.read() == [{"phase": "probe", "step": 0, "loss": 1.0}]
