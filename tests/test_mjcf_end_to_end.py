"""A model's checkpoint, from the command line: it stands alone, and the model's fingerprint says
which run it is, not its path.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from latent_mpc.agent.cli import main as cli
from tests.envs.mjcf_layouts import LAYOUTS, write

pytestmark = pytest.mark.slow

SMALL = [
    "task.control_period=0.1",
    "task.episode_steps=10",
    "task.camera=view:0:0:0.4:2:90:-20",
    "obs=state",
    "collect.episodes=4",
    "collect.workers=1",
    "model.hidden=16",
    "model.latent=8",
    "training.steps=4",
    "training.batch=8",
    "training.horizon=3",
    "cost_to_go.steps=4",
    "probe.steps=5",
    "value.steps=5",
    "cost_to_go.batch=16",
    "planner.samples=8",
    "planner.iterations=1",
    "planner.elites=4",
    "planner.horizon=3",
    "validation_episodes=2",
]


def train(xml: Path | str, joint: str, out: Path) -> int:
    return cli.main(
        [
            "train",
            "task=mjcf",
            f"task.xml={xml}",
            f"task.success=[{joint}:0.2]",
            f"out={out}",
            *SMALL,
        ]
    )


@pytest.mark.parametrize(
    ("layout", "joint"),
    [
        ("a sub-model with a meshdir of its own", "a-j"),
        ("a mesh beside an included file", "j"),
        ("a file of the same name beside the model", "j"),
    ],
)
def test_a_checkpoint_is_evaluated_elsewhere_after_the_originals_are_gone(
    layout: str, joint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    xml = write(tmp_path, LAYOUTS[layout])
    assert train(xml, joint, tmp_path / "run") == 0
    shutil.rmtree(tmp_path / "up")
    (tmp_path / "run").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert cli.main(["evaluate", "checkpoint=.", "episodes=2", f"out={tmp_path / 'results'}"]) == 0
    assert json.loads((tmp_path / "results" / "results.json").read_text())["episodes"] == 2


def test_a_run_goes_on_with_the_same_model_by_another_path_and_not_with_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    xml, run = write(tmp_path, LAYOUTS["a backslash"]), tmp_path / "run"
    monkeypatch.chdir(xml.parent)
    assert train("robot.xml", "j", run) == 0
    weights = (run / "model.safetensors").read_bytes()
    (run / "results.json").unlink()
    xml.parent.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert train("moved/robot.xml", "j", run) == 0
    assert (run / "model.safetensors").read_bytes() == weights
    mesh = tmp_path / "moved" / "meshes" / "m.obj"
    mesh.write_text(mesh.read_text().replace(".2", ".25"))
    capsys.readouterr()
    assert train("moved/robot.xml", "j", run) == 2
    assert "holds a run with task.fingerprint=" in capsys.readouterr().err


def test_files_that_no_checkpoint_could_keep_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    xml = write(tmp_path, LAYOUTS["a backslash"])
    xml.write_text(xml.read_text().replace("meshes\\", f"{xml.parent}/meshes/"))
    assert train(xml, "j", tmp_path / "run") == 2
    assert "must name its files relative to itself" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
