"""Goals of robots that move about: none on its back, and apart where an episode leads nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.keyframes import Beginning
from latent_mpc.envs.adapters.travel import LONGEST, episodes_apart
from latent_mpc.envs.task import Pair

# a box on wheels' stead: a sliding trunk that a flywheel tips over
TUMBLER = """<mujoco><worldbody><geom type="plane" size="9 9 .1"/><body name="trunk" pos="0 0 .3">
<joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/>
<joint name="pitch" axis="0 1 0"/><geom type="box" size=".3 .2 .3" mass="1"/>
<body><joint name="wheel" axis="0 1 0" damping=".001"/><geom type="cylinder" size=".15 .02" euler="90 0 0"
contype="0" conaffinity="0" mass="1"/></body></body></worldbody>
<actuator><motor joint="wheel" gear="{gear}" ctrlrange="-1 1"/></actuator></mujoco>"""
BOX = """<mujoco><worldbody><geom type="plane" size="9 9 .1"/><body name="trunk" pos="0 0 .05">
<joint name="x" type="slide" axis="1 0 0" damping="8"/><joint name="y" type="slide" axis="0 1 0" damping="8"/>
<geom type="box" size=".05 .05 .05" mass="1"/><body pos="0 0 .1"><joint name="fan" axis="1 0 0" range="-1 1" damping=".1"/>
<geom type="capsule" fromto="0 0 0 0 0 .2" size=".02" mass=".5" contype="0" conaffinity="0"/></body></body></worldbody>
<actuator><motor joint="fan" gear=".5" ctrlrange="-1 1"/></actuator></mujoco>"""


def task_of(tmp_path: Path, xml: str, *success: str, **more: Any) -> CoordinateTask:
    (tmp_path / "robot.xml").write_text(xml)
    options: dict[str, Any] = {"control_period": 0.1, "episode_steps": 8}
    options |= {"camera": "view:0:0:0:2:90:-45", "success": list(success)}
    task = registry.make("mjcf", xml=str(tmp_path / "robot.xml"), **(options | more))
    assert isinstance(task, CoordinateTask)
    return task


def lean(task: CoordinateTask, state: np.ndarray) -> float:
    """How far the trunk has turned [rad]."""
    return float(np.arccos(np.cos(task.qpos_qvel(state)[0][2])))


def test_what_fell_over_is_neither_start_nor_goal(tmp_path: Path) -> None:
    counted = ("body:trunk.xy:0.1", "upright:trunk:0.5")
    task = task_of(tmp_path, TUMBLER.format(gear=9), *counted)
    rng = np.random.default_rng(0)
    drawn = [task.draw_start_and_goal(rng) for _ in range(4)]
    assert max(lean(task, state) for pair in drawn for state in (pair.start, pair.goal)) < 0.5
    # random actions do tip it over: where nobody says that it has to stand, it lies
    task = task_of(tmp_path, TUMBLER.format(gear=9), "body:trunk.xy:0.1")
    assert max(lean(task, task.draw_state(rng)) for _ in range(16)) > 0.5


def test_what_falls_as_it_comes_to_rest_walks_on(tmp_path: Path, monkeypatch: Any) -> None:
    counted = ("body:trunk.xy:0.1", "upright:trunk:0.5")
    task = task_of(tmp_path, TUMBLER.format(gear=1), *counted)
    assert task.walk_steps  # which moves it
    turns = iter([np.pi / 2, np.pi / 2, 0.0])

    def move(rng: np.random.Generator, steps: int) -> None:
        task.data.qpos[2] = next(turns)

    monkeypatch.setattr(task, "_move", move)
    assert lean(task, task.draw_state(np.random.default_rng(0))) < 0.5
    assert next(turns, None) is None


def test_goals_are_apart_where_an_episode_leads_nowhere(tmp_path: Path) -> None:
    near = task_of(tmp_path, BOX, "body:trunk.xy:0.01")
    assert near.walk_steps > near.episode_steps
    assert f"up to {near.walk_steps} control steps of random actions" in " ".join(near.about())
    far = task_of(tmp_path, BOX, "body:trunk.xy:0.00001")
    assert far.walk_steps == far.episode_steps
    assert "random actions from a reset" not in " ".join(far.about())


def test_pairs_are_the_same_whoever_asks_first(tmp_path: Path) -> None:
    def pair(first: str) -> Pair:
        task = task_of(tmp_path, BOX, "body:trunk.xy:0.01")
        if first == "about":
            task.about()
        return task.draw_start_and_goal(np.random.default_rng(3))

    asked, drawn = pair("about"), pair("")
    np.testing.assert_array_equal(asked.start, drawn.start)
    np.testing.assert_array_equal(asked.goal, drawn.goal)


@pytest.mark.parametrize(("enough", "episodes"), [(1, 1), (2, 2), (5, 8), (99, LONGEST)])
def test_walks_are_doubled_until_pairs_are_apart(enough: int, episodes: int) -> None:
    state = np.zeros(1)
    drawn: list[int] = []

    def draw(length: int) -> Pair:
        drawn.append(length)
        return Pair(state, state)

    assert episodes_apart(draw, lambda _: drawn[-1] < enough) == episodes


def test_a_base_in_a_plane_begins_on_its_feet() -> None:
    model = mujoco.MjModel.from_xml_string(TUMBLER.format(gear=1))
    beginning, rng = Beginning(model), np.random.default_rng(0)
    poses = np.array([beginning.pose(rng) for _ in range(100)])
    assert np.abs(poses[:, 2]).max() < 0.11
    assert np.abs(poses[:, 3]).max() > 2.5  # the wheel, all round
