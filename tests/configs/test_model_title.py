"""What a robot is called, and that it is called so from the copy in a checkpoint too."""

from __future__ import annotations

from pathlib import Path

import pytest

from latent_mpc.configs.model_title import model_title
from latent_mpc.configs.tasks import MjcfTask
from latent_mpc.envs import registry

BODY = (
    '<worldbody><body><joint name="x" type="slide" axis="1 0 0" range="-1 1" damping="2"/>'
    '<geom size=".1"/></body></worldbody><actuator><motor joint="x" ctrlrange="-1 1"/></actuator>'
)


def write(path: Path, name: str | None) -> str:
    given = "" if name is None else f' model="{name}"'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<!-- <mujoco model="old"> -->\n<mujoco{given}>{BODY}</mujoco>')
    return str(path)


@pytest.mark.parametrize(
    ("file", "name", "title"),
    [
        ("franka/scene.xml", "panda scene", "panda"),
        ("franka/arm.xml", "Panda 7/DoF: ü", "Panda-7-DoF-ü"),
        ("franka/arm.xml", "MuJoCo Model", "arm"),
        ("franka/arm.xml", None, "arm"),
        ("franka/scene.xml", "scene", "franka"),
        ("franka/scene_left.xml", None, "franka"),
        ("franka/robot.xml", "", "franka"),
        ("franka/main.xml", "../..", "franka"),
    ],
)
def test_a_robot_is_called_by_its_model_its_file_or_its_folder(
    file: str, name: str | None, title: str, tmp_path: Path
) -> None:
    assert model_title(write(tmp_path / file, name)) == title
    assert MjcfTask("mjcf", xml=str(tmp_path / file)).label == title


def test_a_file_that_is_not_there_is_called_by_its_path() -> None:
    assert model_title("none/arm.xml") == "arm"
    assert MjcfTask("mjcf").label == "mjcf"


def test_two_scenes_have_two_folders_and_the_copy_keeps_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("left", "right"):
        write(tmp_path / folder / "scene.xml", None)
    assert MjcfTask("mjcf", xml="left/scene.xml").label == "left"
    task = registry.make(
        "mjcf", xml="right/scene.xml", control_period=0.1, episode_steps=20, success=["x:0.1"]
    )
    assert task.name == "right"
    kept = task.settings() | task.keep(tmp_path / "run")
    kept["xml"] = str(tmp_path / "run" / kept["xml"])
    assert registry.make("mjcf", **kept).name == "right"
