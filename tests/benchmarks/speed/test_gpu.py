"""`python -m benchmarks.speed.gpu`, tiny and on the CPU; and what it says where there is no GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.speed import device_rates, gpu
from latent_mpc.agent.heads.head import Schedule
from latent_mpc.agent.training.loop import Trainer

ROOT = Path(__file__).parents[3]
CPU = device_rates.Measure(torch.device("cpu"), seconds=0.01)


@pytest.mark.slow
def test_everything_is_measured_tiny_on_the_cpu_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu.main("cpu", 60, tmp_path / "new" / "gpu.json", reach=False)
    report = json.loads((tmp_path / "new" / "gpu.json").read_text())
    assert (report["sizes"], report["left_out"]) == ("tiny", [])
    assert list(report["items"]) == [
        "limits",
        "training from state",
        "training from pixels",
        "decisions, eager, B = 1",
        "decisions, eager, B = 3",
    ]
    for name, found in report["items"].items():
        rates = [value for key, value in found.items() if "per_second" in key or "tflops" in key]
        assert min(rates) > 0, name
    trained, decided = report["items"]["training from pixels"], report["items"][name]
    # windows of 3 + 5 frames, 8 in an update
    assert trained["frames_per_second"] == pytest.approx(64 * trained["updates_per_second"])
    assert (trained["peak_mib"], decided["peak_mib"]) == (None, None)
    out = capsys.readouterr().out
    assert all(f"{name}: " in out for name in report["items"])


def test_what_the_time_does_not_suffice_for_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu.main("cpu", 0, tmp_path / "gpu.json", reach=False)
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert report["items"] == {} and len(report["left_out"]) == 5
    assert "left out after 0 min: limits, training from state" in capsys.readouterr().out


def test_without_a_gpu_it_says_so_in_one_line_with_status_2() -> None:
    words = [sys.executable, "-m", "benchmarks.speed.gpu", "--device", "cuda:99"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("benchmarks: device must be auto, cpu or one that is there, got")


def test_trainings_end_at_the_first_budget_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, ...]] = []
    reached = {"quick": 0.94, "default": 0.95}

    def train(*words: str) -> None:
        calls.append(words)
        told = dict(word.split("=", 1) for word in words[1:])
        Path(told["out"]).mkdir()
        rate = reached[told["budget"]]
        results = {"train_seconds": 2.0, "success_end": {"rate": rate}}
        (Path(told["out"]) / "results.json").write_text(json.dumps(results))

    monkeypatch.setattr(gpu, "latent_mpc", train)
    assert gpu.from_nothing("cpu", ()) == {"seconds": 4.0, "reached": reached}
    reached["quick"] = 0.95
    assert gpu.from_nothing("cpu", ("seed=1",)) == {"seconds": 2.0, "reached": {"quick": 0.95}}
    assert calls[-1][-1] == "seed=1" and "device=cpu" in calls[-1]


def test_a_clocked_phase_ends_by_the_clock_and_its_updates_are_the_trainers(tmp_path: Path) -> None:
    module = nn.Linear(1, 1)
    clocked = device_rates.Clocked(Trainer(tmp_path, 0), CPU)
    numbers = []
    for step in clocked("fit", module, Schedule(3, 1e-3)):
        step.minimise({"loss": module(torch.ones(1, 1)).square().mean()})
        numbers.append(step.number)
    assert numbers == list(range(len(numbers))) and len(numbers) > device_rates.WARM
    assert clocked.rates["fit"] > 0
