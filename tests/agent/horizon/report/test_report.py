"""The whole study on a tiny checkpoint: what it writes, that it goes on where it stopped, and the
page in a browser.
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from latent_mpc.agent.build import build, make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import save_parts
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli import multirun
from latent_mpc.agent.evaluation import evaluate, spread
from latent_mpc.agent.evaluation.episodes import outcomes, play
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.agent.horizon import model_quality, sweep
from latent_mpc.agent.horizon.report import videos
from latent_mpc.envs.cameras import gl_library
from latent_mpc.envs.collection import engines
from latent_mpc.envs.registry import make
from tests.agent.horizon.report.browser import look, needs_chromium

pytestmark = pytest.mark.slow

TASK = "pointmaze-open"
TINY = ["horizons=[1,2]", "episodes=4", "data_episodes=8"]
FIGURES = [
    "success",
    "thirds",
    "imagination-latent",
    "imagination-position",
    "imagination-velocity",
    "guidance",
    "times",
    "pareto",
]
FIGURES += ["landscape-true", "landscape-cost_to_go", "landscape-latent"]
TIMES = ("wall_seconds", "batch_ms", "command")  # in which a run that was stopped may differ


def config() -> dict[str, Any]:
    task = make(TASK)
    return {
        "format": 1,
        "task": {"name": TASK, "action_repeat": 1, "size": 64},
        "obs": "state",
        "seed": 0,
        "model": {"embedding": 8, "latent": 8, "history": 2, "hidden": 16, "width": 4},
        "cost_to_go": {"hidden": 16, "metric": 8},
        "planner": {"name": "mppi", "horizon": 2, "samples": 16, "iterations": 2},
        "cost": {"name": "cost_to_go", "running": 1.0, "terminal": 1.0},
        "spaces": {"state": list(task.observation()["state"].shape)},
        "actions": task.model.nu,
        "data": {"fingerprint": "0123456789abcdef"},
    }


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_parts(build(config()), folder)
    return folder


@pytest.fixture(scope="module", autouse=True)
def short_probes() -> Iterator[None]:
    """Whether probes learn is another test's question, and nobody asks how sure a time is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_quality, "PROBE_STEPS", 20)
        patch.setattr(evaluate, "TIMED", 3)
        yield


@pytest.fixture(scope="module")
def study(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study."""
    folder = tmp_path_factory.mktemp("study")
    assert cli.main(["horizon", f"checkpoint={checkpoint}", *TINY, f"out={folder}"]) == 0
    return folder


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "horizon.json").read_text())


def digits(node: Any) -> Any:
    """Without what the clock decides."""
    if isinstance(node, dict):
        return {key: digits(value) for key, value in node.items() if key not in TIMES}
    return [digits(value) for value in node] if isinstance(node, list) else node


def test_a_study_writes_its_page_its_numbers_and_every_figure(study: Path) -> None:
    assert sorted(path.name for path in study.iterdir()) == [
        "cache",
        "episodes-1000",
        "figures",
        "horizon.json",
        "report.html",
    ]
    assert sorted(path.stem for path in (study / "figures").glob("*.png")) == sorted(FIGURES)
    found = read(study)
    played = {(one["role"], one["horizon"]) for one in found["success"]}
    assert {
        ("horizon", 1),
        ("horizon", 2),
        ("oracle", 1),
        ("oracle", 2),
        ("cem", 1),
        ("cem", 2),
    } <= played
    # CEM has six iterations
    assert {
        one["evaluations"] for one in found["success"] if one["role"] in ("horizon", "cem")
    } == {32, 30}
    assert found["imagination"]["steps"] == [1, 2]
    assert all(
        row["memory_mb"] > 0 and row["ms"]["p95"] >= row["ms"]["median"] > 0
        for row in found["times"]["grid"]
    )
    assert [row["samples"] for row in found["times"]["grid"]] == [4, 16, 64] * 2
    fresh = {one["pairs_seed"] for one in found["advice"]["reported"]["settings"]}
    assert (fresh, {one["pairs_seed"] for one in found["success"]}) == ({7}, {0})
    assert found["checkpoint"]["data"] == "0123456789abcdef" and found["command"].startswith(
        "latent-mpc"
    )
    json.dumps(found, allow_nan=False)


def test_a_horizons_outcomes_are_those_of_the_agent_that_evaluate_would_play(
    study: Path, checkpoint: Path
) -> None:
    from latent_mpc.agent.checkpoints.checkpoint import load_parts

    parts = load_parts(checkpoint)
    task = make_task(parts.config)
    drawn = draw_pairs(task, 4, seed=0)
    found = {(one["role"], one["horizon"]): one for one in read(study)["success"]}
    for horizon in (1, 2):
        played = play(
            make_agent(parts, planner={**config()["planner"], "horizon": horizon}),
            task,
            drawn.pairs,
            drawn.steps,
        )
        assert {key: found["horizon", horizon][key] for key in ("end", "any")} == outcomes(played)
        assert found["horizon", horizon]["distance_end"] == pytest.approx(
            played.distance[-1].tolist()
        )


def test_a_killed_study_goes_on_plays_nothing_twice_and_comes_to_the_same(
    study: Path, checkpoint: Path, tmp_path: Path
) -> None:
    """A kill leaves some results whole and the others not there: half of them are carried over, and
    all times, which decide too.
    """
    (tmp_path / "cache").mkdir()
    every = sorted((study / "cache").glob("*.json"))
    timed = [path for path in every if "timing" in json.loads(path.read_text())["of"]]
    kept = [*timed, *[path for path in every if path not in timed][::2]]
    for path in kept:
        for part in (path, path.with_suffix(".npz")):
            if part.exists():
                (tmp_path / "cache" / part.name).write_bytes(part.read_bytes())
                os.utime(tmp_path / "cache" / part.name, (1, 1))
    assert (
        cli.main(["horizon", f"checkpoint={checkpoint}", *TINY, f"out={tmp_path}", "videos=false"])
        == 0
    )
    assert digits(read(tmp_path)) == digits(read(study))
    assert {path.stat().st_mtime for path in (tmp_path / "cache" / one.name for one in kept)} == {1}
    assert {path.name for path in (study / "cache").glob("*.json")} == {
        path.name for path in (tmp_path / "cache").glob("*.json")
    }


def test_a_study_killed_in_the_middle_finds_what_it_had_finished(
    study: Path, checkpoint: Path, tmp_path: Path
) -> None:
    words = ["horizon", f"checkpoint={checkpoint}", *TINY, f"out={tmp_path}", "videos=false"]
    with subprocess.Popen(
        [sys.executable, "-m", "latent_mpc.agent.cli.main", *words], stderr=subprocess.DEVNULL
    ) as process:
        while len(done := list((tmp_path / "cache").glob("*.json"))) < 2 and process.poll() is None:
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in done}
    assert cli.main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == before
    once, anew = (
        {
            (one["label"], one["pairs"]): (one["end"], one["any"], one["distance_end"])
            for one in read(folder)["success"]
        }
        for folder in (study, tmp_path)
    )
    assert once == anew


def test_processes_play_what_one_would(
    study: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "WORTH", 0)
    monkeypatch.setattr(engines, "usable_cores", lambda: 2)
    monkeypatch.setattr(sweep.Sweep, "_play", lambda *_: pytest.fail("played in this process"))
    assert (
        cli.main(["horizon", f"checkpoint={checkpoint}", *TINY, "only=sweep", f"out={tmp_path}"])
        == 0
    )
    found = {
        path.name: json.loads(path.read_text()) for path in (tmp_path / "cache").glob("*.json")
    }
    assert len(found) == 2
    for name, one in found.items():
        assert digits(one) == digits(json.loads((study / "cache" / name).read_text()))
        with (
            np.load(study / "cache" / f"{name[:-5]}.npz") as once,
            np.load(tmp_path / "cache" / f"{name[:-5]}.npz") as anew,
        ):
            assert all(np.array_equal(once[key], anew[key]) for key in once)


def test_jobs_spread_by_hydras_local_launcher_fill_one_cache_with_what_the_study_plays(
    study: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spread = [
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "horizons=[1],[2]",
        "only=sweep",
        "out=swept",
    ]
    assert (
        cli.main(["horizon", "--multirun", f"checkpoint={checkpoint}", "episodes=4", *spread]) == 0
    )
    swept = {path.name for path in (tmp_path / "swept").rglob("*.json")}
    assert len(swept) == 2
    assert swept < {path.name for path in (study / "cache").glob("*.json")}


def test_a_job_that_fails_is_counted_and_the_others_are_done(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = [f"checkpoint={checkpoint}", "episodes=2", "only=sweep", "out=swept"]
    assert cli.main(["horizon", "-m", "horizons=[0],[1]", *settings]) == 2
    err = capsys.readouterr().err
    assert "latent-mpc: horizons must be one or more numbers of at least 1, got [0]" in err
    assert err.endswith("latent-mpc: 1 of the jobs failed, see their messages above: 0\n")
    assert len(list((tmp_path / "swept").rglob("*.json"))) == 1


def test_a_launcher_that_is_not_installed_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(multirun.PLUGINS, "joblib", "no_such_plugin")
    assert cli.main(["horizon", "--multirun", "hydra/launcher=joblib"]) == 2
    assert capsys.readouterr().err.startswith(
        "latent-mpc: hydra/launcher=joblib is a plugin that is not installed: pip install "
    )


def test_a_film_that_fails_takes_nothing_with_it(
    study: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no room for a film")

    monkeypatch.setattr(videos, "write_video", fail)
    words = [
        f"checkpoint={checkpoint}",
        *TINY,
        f"reuse=[{study}]",
        "camera.backend=ray",
        f"out={tmp_path}",
    ]
    assert cli.main(["horizon", *words]) == 2
    assert capsys.readouterr().err.endswith("latent-mpc: no room for a film\n")
    assert digits(read(tmp_path)) == digits(read(study))
    page = (tmp_path / "report.html").read_text()
    assert "5. The advice" in page and "<video" not in page


def test_a_camera_that_does_not_work_is_refused_before_anything_is_played(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gl_library, "LIBRARIES", {})
    assert (
        cli.main(
            ["horizon", f"checkpoint={checkpoint}", *TINY, "camera.backend=gl", f"out={tmp_path}"]
        )
        == 2
    )
    assert "OpenGL" in capsys.readouterr().err
    assert list((tmp_path / "cache").iterdir()) == []


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_a_browser_shows_everything_asks_nobody_and_fits(
    study: Path, tmp_path: Path, width: int
) -> None:
    page = study / "report.html"
    assert page.stat().st_size < 8e6
    told, console = look(page, width, tmp_path)
    assert console == []
    assert told["addresses"] == []
    assert len(told["pictures"]) == len(FIGURES)
    assert all(natural > 100 and shown > 250 for natural, shown in told["pictures"])
    assert told["videos"] and all(size == 640 and seconds > 3 for size, seconds in told["videos"])
    assert told["needed"] <= width
    assert told["smallest"] >= 12


def test_the_page_has_no_address_outside_itself_and_no_script(study: Path) -> None:
    html = (study / "report.html").read_text()
    assert re.findall(r"(?:src|href|poster)=\"(?!data:)", html) == []
    assert (
        "<script" not in html
        and "@import" not in html
        and "url(" not in re.sub(r"data:[^\"]+", "", html)
    )
    drawings = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)
    assert all(b"<svg" in base64.b64decode(one) for one in drawings)
    assert len(drawings) == len(FIGURES)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("horizons=[0,3]", "horizons must be one or more numbers of at least 1, got [0, 3]"),
        ("horizons=[]", "horizons must be one or more numbers of at least 1, got []"),
        (
            "report_seed=0",
            "report_seed must differ from pairs.seed, on which the choice is made, both are 0",
        ),
        (
            "data_seed=0",
            "data_seed must differ from the seed that the checkpoint was trained with, both are 0",
        ),
        (
            "reuse=[nowhere]",
            "reuse must name folders with a cache/ that latent-mpc wrote; nowhere holds no cache",
        ),
        ("only=report", "only must be one of , sweep; got 'report'"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, message: str
) -> None:
    assert cli.main(["horizon", f"checkpoint={checkpoint}", f"out={tmp_path}", setting]) == 2
    assert capsys.readouterr().err == f"latent-mpc: {message}\n"
