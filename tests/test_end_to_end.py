"""The whole line through the console script, small: collect, train, evaluate, demo; killed and
resumed; the same digits twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from latent_mpc import Agent
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.commands import demo
from latent_mpc.agent.training import pipeline
from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.reader import Rollouts
from tests.factories import refusal

DATA = ["collect.episodes=8", "collect.workers=1"]
MODEL = [
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "model.width=4",
    "cost_to_go.hidden=16",
    "cost_to_go.metric=8",
]
STEPS = [
    "training.steps=6",
    "training.batch=8",
    "training.horizon=3",
    "training.save_every=2",
    "cost_to_go.steps=6",
    "probe.steps=5",
    "cost_to_go.batch=16",
]
PLAN = [
    "planner.samples=8",
    "planner.iterations=1",
    "planner.elites=4",
    "planner.horizon=2",
    "validation_episodes=2",
]
TINY = ["task=reacher", "budget=quick", *DATA, *MODEL, *STEPS, *PLAN]
ASKED: dict[str, Any] = {  # what the protocol writes
    "task": str,
    "obs": str,
    "planner": str,
    "cost": str,
    "horizon": int,
    "episodes": int,
    "success_end": {"rate", "low", "high"},
    "success_any": {"rate", "low", "high"},
    "floors": {"random", "stay"},
    "outcomes": {"pairs", "end", "any"},
    "distance_end": {"median", "unit"},
    "plan_ms": {"median", "p95"},
    "plan_ms_batch": {"median", "p95", "batch"},
    "pairs": {"kind", "seed", "drawn", "rejected"},
    "checkpoint": {"path", "data", "seed", "train_seconds"},
    "command": str,
    "machine": {"cpu", "cores", "threads", "device"},
    "thirds": {"by", "unit", "near", "middle", "far"},
    "cost_to_go": {"rank_correlation", "pairs"},
    "versions": {"python", "latent-mpc", "torch", "mujoco", "numpy", "gymnasium"},
}
EXTRAS = {"horizon_seconds", "time_at_goal", "oracle", "settings", "constraints", "missed", "lost"}
# what two runs may differ in
TIMES = ("plan_ms", "plan_ms_batch", "train_seconds", "resumed", "command", "checkpoint")
FILES = [
    "config.yaml",
    "curves.png",
    "data",
    "metrics.jsonl",
    "model.safetensors",
    "results.json",
    "run.json",
    "training",
]


def latent_mpc(*arguments: str) -> None:
    assert cli.main(arguments) == 0


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def digits(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in TIMES}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on states."""
    folder = tmp_path_factory.mktemp("runs") / "state"
    latent_mpc("train", *TINY, f"out={folder}")
    return folder


def test_training_leaves_a_whole_checkpoint_and_nothing_else(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == FILES
    results = read(trained / "results.json")
    assert results["thirds"] is None  # of two pairs
    assert results.keys() == (
        ASKED.keys() | EXTRAS | {"train_seconds", "resumed", "horizons", "listening", "budget"}
    )
    assert (results["pairs"]["seed"], results["episodes"], results["resumed"]) == (0, 2, False)
    assert results["budget"] == read(trained / "run.json")["budget.name"] == "quick"
    assert results["checkpoint"]["data"] == Rollouts(trained / "data").fingerprint
    steps = [(line["phase"], line["step"]) for line in Metrics(trained / "metrics.jsonl").read()]
    phases = {"world_model": 5, "cost_to_go": 5, "cost_to_go_paths": 2, "probe": 4}
    assert steps == [(phase, step) for phase, last in phases.items() for step in (0, last)]
    assert iio.imread(trained / "curves.png").std() > 1


def test_an_evaluation_writes_the_results_that_were_asked_for_and_the_same_digits_twice(
    trained: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        latent_mpc("evaluate", f"checkpoint={trained}", "episodes=3", f"out={tmp_path / name}")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["results.json"]
    one, two = (read(tmp_path / name / "results.json") for name in ("a", "b"))
    assert digits(one) == digits(two)
    assert one.keys() == ASKED.keys() | EXTRAS
    for key, wanted in ASKED.items():
        assert (
            one[key].keys() == wanted if isinstance(wanted, set) else isinstance(one[key], wanted)
        ), key
    for rate in (one["success_end"], one["success_any"], *one["floors"].values()):
        assert 0 <= rate["low"] <= rate["rate"] <= rate["high"] <= 1
    assert (one["pairs"]["kind"], one["pairs"]["seed"], one["pairs"]["rejected"].keys()) == (
        "independent",
        7,
        {"at_start", "stay"},
    )
    assert one["pairs"]["drawn"] == 3 + sum(one["pairs"]["rejected"].values())
    assert (
        one["task"],
        one["horizon"],
        one["planner"],
        one["cost"],
        one["distance_end"]["unit"],
    ) == (
        "reacher",
        2,
        "cem",
        "cost_to_go",
        "m",
    )
    assert one["plan_ms_batch"]["batch"] == 3
    assert one["plan_ms"]["median"] > 0
    json.dumps(one, allow_nan=False)


def test_an_evaluation_with_another_planner_cost_or_seed_says_so_and_differs(
    trained: Path, tmp_path: Path
) -> None:
    settings = [
        "planner=mppi",
        "planner.horizon=3",
        "cost=latent",
        "seed=4",
        "pairs.kind=same_trajectory",
        "pairs.offset=5",
    ]
    latent_mpc("evaluate", f"checkpoint={trained}", "episodes=2", f"out={tmp_path}", *settings)
    result = read(tmp_path / "results.json")
    assert (result["planner"], result["horizon"], result["cost"], result["pairs"]["kind"]) == (
        "mppi",
        3,
        "latent",
        "same_trajectory",
    )
    assert (result["settings"]["planner_seed"], result["settings"]["planner"]["name"]) == (
        4,
        "mppi",
    )


@pytest.mark.slow
def test_the_oracle_plays_the_same_pairs_beside_the_agent_and_is_cached(
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    better = ["planner.samples=64", "planner.iterations=4", "oracle_horizon=3"]
    for name in ("a", "b", "without"):
        more = [
            f"oracle={name != 'without'}",
            f"out={tmp_path / name}",
            f"reuse=[{tmp_path / 'a'}]" if name == "b" else "reuse=[]",
        ]
        latent_mpc("evaluate", f"checkpoint={trained}", "episodes=3", *better, *more)
        out = " ".join(capsys.readouterr().out.split())
        assert ("oracle: cem in the simulator" in out) == (name != "without")
        assert ("the oracle's result is from the cache" in out) == (name == "b")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    first = read(tmp_path / "a" / "results.json")
    latent_mpc(
        "evaluate",
        f"checkpoint={trained}",
        "episodes=3",
        *better,
        "oracle=true",
        f"out={tmp_path / 'a'}",
    )
    assert list(Path().iterdir()) == []
    again, second, without = (
        read(tmp_path / name / "results.json") for name in ("a", "b", "without")
    )
    oracle = first["oracle"]
    assert again["oracle"] == second["oracle"] == {**oracle, "cached": True}
    assert without["oracle"] is None
    assert digits(first) | {"oracle": None} == digits(without)
    assert oracle["success_end"].keys() == oracle["success_any"].keys() == {"rate", "low", "high"}
    assert (
        oracle["success_end"]["rate"],
        oracle["planner"],
        oracle["horizon"],
        first["horizon"],
    ) == (1.0, "cem", 3, 2)
    assert oracle["plan_ms"].keys() == {"median", "p95"}
    assert [path.parent for path in tmp_path.rglob("cache/*.json")] == [tmp_path / "a" / "cache"]


@pytest.mark.slow
def test_a_demo_leaves_a_video_a_gif_and_a_json(
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # scaled up in the video; large ray pictures take their time
    monkeypatch.setattr(demo, "PICTURE", 64)
    latent_mpc(
        "demo",
        f"checkpoint={trained}",
        "episodes=1",
        "camera.backend=ray",
        f"out={tmp_path / 'videos'}",
    )
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == [
        "state.gif",
        "state.json",
        "state.mp4",
    ]
    report = read(tmp_path / "videos" / "state.json")
    assert (report["task"], report["episodes"], len(report["goals"])) == ("reacher", 1, 1)
    assert report["reached"] == sum(goal["reached"] for goal in report["goals"])
    frames = iio.imread(tmp_path / "videos" / "state.mp4")
    assert len(frames) >= make("reacher").episode_steps
    assert np.abs(frames[0].astype(int) - frames[40]).max() > 50
    assert len(iio.imread(tmp_path / "videos" / "state.gif")) > 10
    out = capsys.readouterr().out
    assert f"{report['reached']} of 1 goals reached" in out
    assert str(tmp_path / "videos" / "state.mp4") in out


@pytest.mark.slow
@pytest.mark.parametrize("obs", ["pixels", "state+pixels"])
def test_pixels_go_the_same_way(obs: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    latent_mpc("collect", "task=reacher", f"obs={obs}", "episodes=3", "workers=1", f"out={data}")
    assert set(Rollouts(data).keys) == {*obs.split("+"), "action", "physics"}
    settings = ["training.batch=4", "task.action_repeat=2", f"data={data}", "validation_episodes=1"]
    latent_mpc("train", *TINY, f"obs={obs}", *settings, f"out={tmp_path / 'run'}")
    assert not (tmp_path / "run" / "data").exists()
    latent_mpc(
        "evaluate", f"checkpoint={tmp_path / 'run'}", "episodes=1", f"out={tmp_path / 'evaluation'}"
    )
    result = read(tmp_path / "evaluation" / "results.json")
    assert (result["obs"], result["horizon_seconds"]) == (obs, pytest.approx(0.4))
    task = make("reacher", obs=tuple(obs.split("+")))
    seen = {key: value[None] for key, value in task.reset(seed=0)[0].items()}
    agent = Agent.load(tmp_path / "run", device="cpu")
    agent.reset(seen)
    assert agent.act(seen).shape == (1, 2)


@pytest.mark.slow
def test_the_same_settings_and_seed_train_the_same_weights_another_seed_others(
    trained: Path, tmp_path: Path
) -> None:
    torch.manual_seed(99)  # what the caller did before must not matter
    latent_mpc("train", *TINY, f"data={trained / 'data'}", f"out={tmp_path / 'same'}")
    latent_mpc("train", *TINY, f"data={trained / 'data'}", "seed=1", f"out={tmp_path / 'other'}")
    weights = [
        (folder / "model.safetensors").read_bytes()
        for folder in (trained, tmp_path / "same", tmp_path / "other")
    ]
    assert weights[0] == weights[1] != weights[2]
    assert digits(read(tmp_path / "same" / "results.json")) == digits(
        read(trained / "results.json")
    )


KILLING = """
import os, signal, sys
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.training import loop

save, left = loop.save_state, int(sys.argv[1])

def save_then_die(*arguments):
    global left
    save(*arguments)
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

loop.save_state = save_then_die
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.slow
# within the world model's training, and after the cost-to-go's
@pytest.mark.parametrize("saves", [2, 4])
def test_a_killed_run_goes_on_with_the_same_out_to_the_same_checkpoint(
    trained: Path, tmp_path: Path, saves: int
) -> None:
    command = ["train", *TINY, f"out={tmp_path / 'run'}"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    script = [sys.executable, "-c", KILLING, str(saves), *command]
    done = subprocess.run(script, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == -9, done.stderr
    assert not (tmp_path / "run" / "model.safetensors").exists()
    latent_mpc(*command)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == FILES
    for name in ("model.safetensors", "metrics.jsonl", "config.yaml", "run.json"):
        assert (tmp_path / "run" / name).read_bytes() == (trained / name).read_bytes(), name
    results = read(tmp_path / "run" / "results.json")
    assert digits(results) == digits(read(trained / "results.json"))
    assert results["resumed"]


def test_a_finished_run_called_again_changes_nothing_and_says_so(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()}
    latent_mpc("train", *TINY, f"out={trained}")
    assert "was finished before" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in trained.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_a_finished_run_whose_weights_were_damaged_is_mended(trained: Path) -> None:
    whole = (trained / "model.safetensors").read_bytes()
    results = read(trained / "results.json")
    (trained / "model.safetensors").write_bytes(whole[:100])
    latent_mpc("train", *TINY, f"out={trained}")
    assert (trained / "model.safetensors").read_bytes() == whole
    assert digits(read(trained / "results.json")) == digits(results)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("seed=5", "seed=0, got 5"),
        ("obs=pixels", "obs=state, got pixels"),
        ("training.steps=7", "training.steps=6, got 7"),
        ("planner=mppi", "planner.name=cem, got mppi"),
        ("collect.behaviour.correlation=0.7", "collect.behaviour.correlation=0.3, got 0.7"),
    ],
)
def test_other_settings_for_the_same_out_are_refused_naming_the_key(
    trained: Path, capsys: pytest.CaptureFixture[str], setting: str, said: str
) -> None:
    before = (trained / "run.json").read_bytes()
    tiny = [item for item in TINY if setting != "planner=mppi" or item != "planner.elites=4"]
    message = refusal(capsys, "train", *tiny, setting, f"out={trained}")
    assert message.startswith(f"{trained} holds a run with {said}")
    assert message.endswith("give another out=, or the same settings to go on with it")
    assert (trained / "run.json").read_bytes() == before


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_before_the_first_weights_are_saved_other_settings_take_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "train_world_model", interrupted)
        assert (
            cli.main(
                [
                    "train",
                    *TINY,
                    "training.horizon=4",
                    "collect.episodes=2",
                    f"out={tmp_path / 'run'}",
                ]
            )
            == 130
        )
    assert read(tmp_path / "run" / "run.json")["training.horizon"] == 4
    latent_mpc("train", *TINY, "collect.episodes=2", f"out={tmp_path / 'run'}")


def test_weights_without_a_note_of_their_run_are_not_written_over(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"precious")
    said = refusal(capsys, "train", *TINY, f"data={trained / 'data'}", f"out={tmp_path}")
    assert (
        said
        == f"{tmp_path} holds weights, but no run.json that says of which run; give another out="
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
