"""Goals of one's own: keyframes, files and joints, as typed on the command line and from Python,
with a checkpoint, and refused before anything is simulated.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.configs.command_line import setting
from latent_mpc.configs.structured import from_values
from latent_mpc.configs.tasks import MjcfTask as MjcfConfig
from latent_mpc.envs import registry
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.given_goals import close

PENDULUM = """<mujoco><worldbody><body pos="0 0 1"><joint name="hinge" axis="0 1 0" damping=".1"/>
<geom type="capsule" fromto="0 0 0 0 0 .5" size=".02" mass=".5"/></body></worldbody>
<actuator><motor joint="hinge" gear="1" ctrlrange="-1 1"/></actuator>
<keyframe><key name="down" qpos="3.1416"/><key name="up" qpos="0"/></keyframe></mujoco>"""
ARM = """<mujoco><worldbody><body><joint name="shoulder" axis="0 1 0" range="-90 90" damping="1"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".03"/><body pos=".3 0 0">
<joint name="elbow" axis="0 1 0" range="-90 90" damping="1"/><geom type="capsule" fromto="0 0 0 .2 0 0" size=".03"/>
</body></body></worldbody><actuator><position joint="shoulder" kp="50" ctrlrange="-2 2"/>
<position joint="elbow" kp="50" ctrlrange="-2 2"/></actuator></mujoco>"""
OPTIONS: dict[str, Any] = {"control_period": 0.1, "episode_steps": 20}


@pytest.fixture
def pendulum(tmp_path: Path) -> str:
    (tmp_path / "pendulum.xml").write_text(PENDULUM)
    return str(tmp_path / "pendulum.xml")


def task_of(xml: str, goals: list[str], *success: str) -> CoordinateTask:
    named = list(success or ["hinge:0.1"])
    options = OPTIONS | {"success": named, "camera": "view:0:0:1:2:90:0"}
    task = registry.make("mjcf", xml=xml, goals=goals, **options)
    assert isinstance(task, CoordinateTask)
    return task


def test_joints_that_a_goal_names_are_what_counts_unless_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM)
    options = OPTIONS | {"xml": str(tmp_path / "arm.xml"), "camera": "view:0:0:1:2:90:0"}
    task = registry.make("mjcf", goals=["elbow=0.5"], **options)
    assert isinstance(task, CoordinateTask)
    assert task.settings()["success"] == ["elbow:0.16"]  # 5 % of its range
    named = registry.make("mjcf", goals=["elbow=0.5"], success=["shoulder:0.1"], **options)
    assert isinstance(named, CoordinateTask)
    assert named.settings()["success"] == ["shoulder:0.1"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("task.goals=keyframe:up", ["keyframe:up"]),
        ("task.goals=[keyframe:up,keyframe:down]", ["keyframe:up", "keyframe:down"]),
        ("task.goals=poses/upright.npy", ["poses/upright.npy"]),
        ("task.goals=[upright.npy]", ["upright.npy"]),
        ("task.goals=[hinge=0]", ["hinge=0"]),
        ("task.goals=hinge=0.5", ["hinge=0.5"]),
        ("task.goals=[shoulder=0.1, left/elbow=-2e-1]", ["shoulder=0.1", "left/elbow=-2e-1"]),
        ("task.goals=['a (b)=1',c=2]", ["a (b)=1", "c=2"]),
        ("task.goals=[]", []),
    ],
)
def test_goals_are_read_as_they_are_typed(typed: str, expected: list[str]) -> None:
    for name in ("mjcf", "gymnasium"):
        assert compose_config("train", [f"task={name}", typed]).task.goals == expected
        again = setting("task.goals", expected)
        assert compose_config("train", [f"task={name}", again]).task.goals == expected


def test_a_goal_of_joints_is_written_as_it_is_typed() -> None:
    assert setting("task.goals", ["a=0.1", "b/c=-2"]) == "task.goals=[a=0.1,b/c=-2]"


@pytest.mark.slow
def test_from_hanging_to_upright_a_hundred_pairs_are_drawn(pendulum: str, tmp_path: Path) -> None:
    np.save(tmp_path / "upright.npy", np.zeros((1, 1)))
    for written in ("keyframe:up", "hinge=0", str(tmp_path / "upright.npy")):
        task = task_of(pendulum, [written])
        result = draw_pairs(task, 100, 7)
        assert len(result.pairs) == 100
        for pair in result.pairs:
            qpos, qvel = task.qpos_qvel(pair.goal)
            assert (qpos[0], qvel[0]) == (0.0, 0.0), "upright, not settled away"
        assert "goals: one that is given" in " ".join(task.about())


def test_one_of_several_goals_is_drawn_for_each_pair(pendulum: str, tmp_path: Path) -> None:
    np.save(tmp_path / "two.npy", np.array([0.5, 1.0])[:, None])
    task = task_of(pendulum, [str(tmp_path / "two.npy"), "keyframe:up"])
    goals = [pair.goal[1] for pair in draw_pairs(task, 30, 7).pairs]
    assert {round(float(angle), 6) for angle in goals} == {0.0, 0.5, 1.0}


def test_every_second_episode_of_rollouts_begins_at_a_given_goal(pendulum: str) -> None:
    task, rng = task_of(pendulum, ["keyframe:up"]), np.random.default_rng(0)
    angles = [task.qpos_qvel(task.draw_beginning(rng))[0][0] for _ in range(40)]
    assert 10 <= sum(angle == 0.0 for angle in angles) <= 30
    free = task_of(pendulum, [])
    begun = free.draw_beginning(np.random.default_rng(3))
    np.testing.assert_array_equal(begun, free.draw_state(np.random.default_rng(3)))


def test_joints_together_are_one_goal_at_which_servos_hold(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM)
    task = task_of(
        str(tmp_path / "arm.xml"),
        ["shoulder=0.5", "elbow=-0.3"],
        "shoulder:0.1",
        "elbow:0.1",
    )
    pair = task.draw_pair(np.random.default_rng(0))
    np.testing.assert_allclose(task.qpos_qvel(pair.goal)[0], [0.5, -0.3])
    task.restore(pair.goal)
    for _ in range(20):
        task.apply(task.still())
    assert task.distance(task.snapshot(), pair.goal) < 0.05, "its command is that of the pose"


def test_what_is_not_named_is_as_in_the_home_keyframe(tmp_path: Path) -> None:
    home = '<keyframe><key name="home" qpos=".2 .4"/></keyframe></mujoco>'
    (tmp_path / "arm.xml").write_text(ARM.replace("</mujoco>", home))
    task = task_of(str(tmp_path / "arm.xml"), ["shoulder=0.5"], "shoulder:0.1", "elbow:0.1")
    (goal,) = task.given_goals.states
    np.testing.assert_allclose(task.qpos_qvel(goal)[0], [0.5, 0.4])


def test_poses_of_a_file_go_with_the_checkpoint_as_numbers(pendulum: str, tmp_path: Path) -> None:
    path = tmp_path / "poses.npy"
    np.save(path, np.array([[0.1], [1 / 3]]))
    first = task_of(pendulum, [str(path), "keyframe:up"])
    path.unlink()
    stored = first.settings()["goals"]
    config = from_values(MjcfConfig, {"name": "mjcf", "xml": pendulum, "goals": stored}, "task")
    again = task_of(pendulum, config.goals)
    np.testing.assert_array_equal(first.given_goals.states, again.given_goals.states)
    assert again.settings()["goals"] == stored


def test_an_environments_goals_are_given_too() -> None:
    options = OPTIONS | {"success": ["joint0:0.1"], "camera": "view:0:0:0:1:90:-90"}
    task = registry.make("gymnasium", id="Reacher-v5", goals=["joint0=0.7", "joint1=1"], **options)
    pair = task.draw_pair(np.random.default_rng(0))
    np.testing.assert_allclose(task.qpos_qvel(pair.goal)[0][:2], [0.7, 1.0])
    np.testing.assert_array_equal(pair.goal[3:5], pair.start[3:5], "its target stands aside")


def test_a_loop_is_closed_about_the_joints_that_were_named() -> None:
    fingers = """<mujoco><worldbody><body><joint name="l" type="slide" range="0 .2"/><geom size=".01"/></body>
    <body pos="1 0 0"><joint name="r" type="slide" range="0 .2"/><geom size=".01"/></body></worldbody>
    <equality><joint joint1="r" joint2="l" polycoef="0 1 0 0 0"/></equality></mujoco>"""
    model = mujoco.MjModel.from_xml_string(fingers)
    data = mujoco.MjData(model)
    data.qpos[:] = [0.1, 0.0]
    close(model, data, fixed=[0])
    np.testing.assert_allclose(data.qpos, [0.1, 0.1], atol=1e-6)


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ("keyframe:top", "no keyframe 'top' in task.goals; there are: down, up"),
        ("knee=1", "no joint 'knee' in task.goals; there are: hinge"),
        ("hinge=high", r"task.goals: hinge must be a number \[rad, m\], got 'hinge=high'"),
        ("hinge=nan", "task.goals: all positions must be finite, hinge=nan has others"),
        ("none.npy", "no file 'none.npy' in task.goals; goals are written keyframe:NAME, a file"),
        ("upright", "task.goals must be written keyframe:NAME, .* got 'upright'"),
        ("pose:0 0", r"must hold rows of the model's 1 positions, it holds \[1, 2\]"),
    ],
)
def test_a_goal_that_is_none_is_refused_with_what_there_is(
    goal: str, message: str, pendulum: str
) -> None:
    with pytest.raises((ValueError, KeyError, FileNotFoundError), match=message):
        registry.make("mjcf", xml=pendulum, goals=[goal])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 2)), r"must hold rows of the model's 1 positions, it holds \[3, 2\]"),
        (np.array([[0.0], [np.nan]]), "all positions must be finite"),
        (np.array([[{}]], dtype=object), "must hold an array of numbers as numpy.save writes it"),
        (np.array([["a"]]), "must hold an array of numbers as numpy.save writes it"),
        (np.zeros((0, 1)), r"it holds \[0, 1\]"),
    ],
)
def test_a_file_without_poses_is_refused(
    array: np.ndarray, message: str, pendulum: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "poses.npy", array)
    with pytest.raises(ValueError, match=message):
        task_of(pendulum, [str(tmp_path / "poses.npy")])


def test_a_pose_beyond_the_limits_is_refused(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM)
    with pytest.raises(ValueError, match=r"a goal must keep joint limits.*shoulder=3 exceeds"):
        task_of(str(tmp_path / "arm.xml"), ["shoulder=3"], "shoulder:0.1")


def test_a_goal_where_the_robot_rests_anyway_is_refused_as_ever(
    pendulum: str, tmp_path: Path
) -> None:
    weak = PENDULUM.replace('damping=".1"', 'damping=".3"').replace('gear="1"', 'gear=".01"')
    (tmp_path / "pendulum.xml").write_text(weak)
    with pytest.raises(ValueError, match="pairs were solved by standing still"):
        draw_pairs(task_of(pendulum, ["keyframe:down"]), 20, 7)
