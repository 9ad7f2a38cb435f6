"""Bad input, through the console script: one line that names what came and what would do, exit
status 2, nothing left behind.

What compose refuses for `train` alone stands in agent/cli/test_main.py, what loading refuses in
agent/checkpoints/test_checkpoint.py.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.cameras import gl_library
from latent_mpc.envs.collection.collect import collect
from tests.factories import refusal, write_checkpoint

ROOT = Path(__file__).parents[1]
SMALL = [
    "task=reacher",
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
    "cost_to_go.hidden=16",
    "planner.samples=16",
]
COMMANDS = ["collect", "train", "evaluate", "demo"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A whole checkpoint of Reacher, as `train` writes it, with fresh weights."""
    return write_checkpoint(tmp_path / "checkpoint", SMALL)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two rollouts of Reacher from states."""
    collect(
        "reacher",
        {"size": 64},
        ("state",),
        BehaviourConfig(),
        2,
        0,
        tmp_path / "data",
        workers=1,
        progress=False,
    )
    return tmp_path / "data"


def least(command: str, checkpoint: Path) -> list[str]:
    """What a command cannot do without."""
    return ["task=reacher"] if command in ("collect", "train") else [f"checkpoint={checkpoint}"]


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_names_keys_and_values_leave_nothing_behind(
    command: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [
        ("episods=3", "no key 'episods'; there are: "),
        ("seed=many", "seed must be an integer, got 'many'"),
        ("seed=-3", "seed must be at least 0, got -3"),
    ]
    wrong += {
        "collect": [
            ("task=reachr", "no task 'reachr'; there are: gymnasium, mjcf, pointmaze-giant, "),
            ("episodes=0", "episodes must be at least 1, got 0"),
        ],
        "train": [("device=warp", "device must be auto, cpu or one that is there, got 'warp': ")],
        "evaluate": [
            (
                "planner=cme",
                (
                    "no planner 'cme'; there are: cem, gradient, hybrid, icem, mppi,"
                    " predictive_sampling, random"
                ),
            ),
            ("cost=far", "no cost 'far'; there are: coordinates, cost_to_go, latent"),
        ],
        "demo": [
            ("camera.backend=vulkan", "camera: backend must be one of auto, ray, gl; got 'vulkan'")
        ],
    }[command]
    wrong += (
        [("validation_episodes=0", "validation_episodes must be at least 1, got 0")]
        if command == "train"
        else []
    )
    wrong += (
        [
            (
                "task.size=40",
                "pixels must be square with a side that is a multiple of 16, got (40, 40, 3)",
            )
        ]
        if command == "train"
        else []
    )
    for setting, said in wrong:
        more = ["obs=pixels"] if "size" in setting else []
        assert said in refusal(
            capsys, command, *least(command, checkpoint), setting, *more, f"out={tmp_path / 'out'}"
        )
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("beneath", [False, True])
def test_an_out_that_cannot_be_written_is_refused_at_once(
    command: str,
    beneath: bool,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.write_text("here before")
    # root may write anywhere, but not beneath a file
    out = file / "deep" / "down" if beneath else file
    said = refusal(
        capsys,
        command,
        *least(command, checkpoint),
        f"out={out}",
        *(["camera.backend=ray"] if command == "demo" else []),
    )
    written = out / "data" if "/data" in said else out
    assert said.startswith(
        f"cannot write {'rollouts to' if command == 'collect' else 'to the folder'} {written}: "
    )
    assert "give another" in said
    assert file.read_text() == "here before"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("beneath", [False, True])
def test_an_out_that_is_a_link_to_nothing_says_so(
    command: str,
    beneath: bool,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone")
    out = link / "deep" if beneath else link
    said = refusal(
        capsys,
        command,
        *least(command, checkpoint),
        f"out={out}",
        *(["camera.backend=ray"] if command == "demo" else []),
    )
    assert f"{link} is a link to {tmp_path / 'gone'}, which is not there; give another" in said


def other_task(data: Path) -> list[str]:
    return ["task=pointmaze-open"]


def no_pixels(data: Path) -> list[str]:
    return ["task=reacher", "obs=pixels"]


def no_folder(data: Path) -> list[str]:
    shutil.rmtree(data)
    return ["task=reacher"]


def other_folder(data: Path) -> list[str]:
    shutil.rmtree(data)
    data.mkdir()
    (data / "notes.txt").touch()
    return ["task=reacher"]


def other_format(data: Path) -> list[str]:
    (data / "meta.json").write_text(
        json.dumps({"format": "somebody else's"}, indent=1, sort_keys=True)
    )
    return ["task=reacher"]


def other_version(data: Path) -> list[str]:
    meta = json.loads((data / "meta.json").read_text())
    (data / "meta.json").write_text(json.dumps({**meta, "version": 99}, indent=1, sort_keys=True))
    return ["task=reacher"]


def torn_meta(data: Path) -> list[str]:
    (data / "meta.json").write_bytes((data / "meta.json").read_bytes()[:100])
    return ["task=reacher"]


def torn_array(data: Path) -> list[str]:
    (data / "state.npy").write_bytes((data / "state.npy").read_bytes()[:300])
    return ["task=reacher"]


def lost_array(data: Path) -> list[str]:
    (data / "action.npy").unlink()
    return ["task=reacher"]


def no_episodes(data: Path) -> list[str]:
    (data / "episodes.index").write_bytes(b"")
    return ["task=reacher"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            other_task,
            (
                "data={} must hold rollouts of pointmaze-open, it holds reacher; give task=reacher"
                " or other data"
            ),
        ),
        (
            no_pixels,
            (
                "data={} has no pixels, it holds action, physics, state; give another obs= or other"
                " data"
            ),
        ),
        (
            no_folder,
            (
                "no rollouts at {}: there is no such folder; `latent-mpc collect task=... out={}`"
                " makes them"
            ),
        ),
        (
            other_folder,
            "no rollouts at {}: it holds notes.txt and no meta.json; `latent-mpc collect",
        ),
        (other_format, "{}/meta.json must say format 'latent-mpc rollouts'; {} is something else"),
        (other_version, "{} has rollout format version 99, this latent-mpc reads 1; collect again"),
        (torn_meta, "{}/meta.json is truncated or damaged ("),
        (torn_array, "{}/state.npy is truncated: it holds "),
        (lost_array, "{}/action.npy is missing; restore it from a copy or collect again"),
        (
            no_episodes,
            (
                "data={} holds no finished episode; latent-mpc collect task=reacher obs=state"
                " out={} goes on with it"
            ),
        ),
    ],
)
def test_rollouts_that_do_not_do_are_refused_before_anything_is_written(
    spoil: Callable[[Path], list[str]],
    said: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = spoil(data)
    assert refusal(
        capsys, "train", *settings, f"data={data}", f"out={tmp_path / 'out'}"
    ).startswith(said.replace("{}", str(data)))
    assert not (tmp_path / "out").exists()


def test_rollouts_with_pictures_of_another_size_are_refused_with_both_sizes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collect(
        "reacher",
        {"size": 32},
        ("pixels",),
        BehaviourConfig(),
        1,
        0,
        tmp_path / "data",
        workers=1,
        progress=False,
        steps=3,
    )
    said = refusal(
        capsys,
        "train",
        "task=reacher",
        "obs=pixels",
        f"data={tmp_path / 'data'}",
        f"out={tmp_path / 'out'}",
    )
    assert said.startswith(
        f"data={tmp_path / 'data'} has pixels of [32, 32, 3], reacher shows [64, 64, 3]; give other"
        " data or task.size="
    )
    assert not (tmp_path / "out").exists()


def test_collecting_something_else_into_a_folder_of_rollouts_is_refused_naming_the_key(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    for setting, key in (
        ("seed=1", "seed = 0, asked for 1"),
        ("task=pointmaze-open", 'task.name = "reacher", asked for "pointmaze-open"'),
    ):
        said = refusal(capsys, "collect", "task=reacher", setting, f"out={data}")
        assert said == f"{data} holds rollouts with {key}; change that or give another folder"
    after = {path.name: path.read_bytes() for path in data.iterdir()}
    assert {**after, "rollouts.lock": b""} == {**before, "rollouts.lock": b""}


@pytest.mark.parametrize("command", ["evaluate", "demo"])
def test_a_checkpoint_that_does_not_do_is_refused_and_no_out_is_made(
    command: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, weights = checkpoint / "config.yaml", checkpoint / "model.safetensors"
    text, whole = config.read_text(), weights.read_bytes()

    def refused() -> str:
        return refusal(capsys, command, f"checkpoint={checkpoint}", f"out={tmp_path / 'out'}")

    def with_task(**changes: object) -> str:
        stored = yaml.safe_load(text)
        return yaml.safe_dump({**stored, "task": {**stored["task"], **changes}})

    config.write_text(with_task(name="pointmaze-open"))
    assert (
        refused()
        == "the checkpoint does not fit pointmaze-open: state must be [5], the task gives [4]"
    )
    config.write_text(with_task(name="reachr"))
    assert refused().startswith("no task 'reachr'; there are: gymnasium, mjcf, pointmaze-giant, ")
    config.write_text(text.replace("format: 2", "format: 3"))
    assert (
        refused()
        == f"{config}: checkpoint format must be 2, got 3; train it again with this version"
    )
    config.write_text(text.replace("name: cem", "name: cme"))
    assert (
        refused() == f"{config}: no planner 'cme'; there are: cem, gradient, hybrid, icem, mppi,"
        " predictive_sampling, random"
    )
    config.write_text("!!python/object/apply:os.mkdir [made]")
    assert "could not determine a constructor for the tag" in refused()
    config.write_text(text)
    weights.write_bytes(whole[:-100])
    assert refused().startswith(f"{weights} is truncated or damaged: ")
    weights.unlink()
    assert (
        refused() == f"{weights} is missing; the checkpoint is not whole, train it again with"
        f" out={checkpoint}"
    )
    config.unlink()
    assert refused() == f"{checkpoint} is not a checkpoint: it holds no config.yaml"
    assert not (tmp_path / "out").exists()


def test_a_demo_without_opengl_names_the_packages(
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gl_library, "_loads", lambda library: False)
    said = refusal(
        capsys,
        "demo",
        f"checkpoint={checkpoint}",
        "camera.backend=gl",
        f"out={tmp_path / 'videos'}",
    )
    assert said.startswith(
        "camera backend gl found no OpenGL library; on Debian: apt-get install"
        " --no-install-recommends libegl1 "
    )
    assert not (tmp_path / "videos").exists()


def test_a_run_whose_note_is_damaged_is_refused(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "training").mkdir(parents=True)
    (out / "training" / "world_model.safetensors").touch()
    for text, said in (
        ("{", f"{out / 'run.json'} cannot be read ("),
        ("[]", f"{out / 'run.json'} must hold keys and values, got list; "),
    ):
        (out / "run.json").write_text(text)
        assert refusal(capsys, "train", "task=reacher", f"data={data}", f"out={out}").startswith(
            said
        )


# Python without venv: what `make` says before it has made anything

NO_PYTHON = "no '{}' here: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python"
OLD = "{} is Python 3.9.2, but 3.11 or newer is needed: name one: make PYTHON=/path/to/python"
NO_VENV = (
    "{} cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install"
    " python3-venv)"
)


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
@pytest.mark.parametrize("target", ["demo", "test"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, NO_PYTHON),
        (
            'case "$*" in *version_info*) exit 1;; --version) echo Python 3.9.2;; *) exit 3;; esac',
            OLD,
        ),
        (
            (
                'case "$*" in *venv*) echo No module named venv >&2; exit 1;; *) exec'
                f' {sys.executable} "$@";; esac'
            ),
            NO_VENV,
        ),
    ],
)
def test_make_with_a_python_that_cannot_says_so_in_one_line(
    target: str, body: str | None, said: str, tmp_path: Path
) -> None:
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    if body:
        python.write_text(f"#!/bin/sh\n{body}\n")
        python.chmod(0o755)
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("MAKE") and key != "MFLAGS"
    }
    done = subprocess.run(
        ["make", "-C", str(tmp_path), target, f"PYTHON={python}"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode != 0
    first, *rest = done.stderr.splitlines()
    assert first == "make: " + said.replace("{}", str(python))
    assert [line for line in rest if "***" not in line] == []  # make's own line says that it failed
    assert not (tmp_path / ".venv").exists()
