"""Goals at which the robot can stay: falling ones are drawn again, tasks without any say so, and
bodies that fall for ever are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.held_goals import HELD, RESTING, TRIED, Candidate, draw_held, drift
from latent_mpc.envs.task import Pair

POLE = """<mujoco><worldbody><body pos="0 0 1"><joint name="hinge" axis="0 1 0" damping="{damping}"/>
<geom type="capsule" fromto="0 0 0 0 0 .5" size=".02" mass=".1"/></body></worldbody>
<actuator><motor joint="hinge" gear=".005" ctrlrange="-1 1"/></actuator></mujoco>"""
DOUBLE = """<mujoco><default><geom type="capsule" fromto="0 0 0 0 0 .5" size=".02" mass=".1"/></default>
<worldbody><body pos="0 0 2"><joint name="top" axis="0 1 0"/><geom/><body pos="0 0 .5">
<joint name="low" axis="0 1 0"/><geom/></body></body></worldbody>
<actuator><motor joint="low" gear=".1" ctrlrange="-1 1"/></actuator></mujoco>"""
SERVO = """<mujoco><worldbody><body><joint name="x" axis="0 1 0" range="-90 90" damping="1"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".03"/></body></worldbody>
<actuator><position joint="x" kp="20" ctrlrange="-3 3"/></actuator></mujoco>"""
DROP = """<mujoco><worldbody><body name="drone" pos="0 0 1"><freejoint/><geom size=".1"/>
<body pos=".1 0 0"><joint name="arm" axis="0 1 0" range="-90 90" damping=".01"/>
<geom type="capsule" fromto="0 0 0 .2 0 0" size=".02"/></body></body></worldbody>
<actuator><motor joint="arm" gear=".01" ctrlrange="-1 1"/></actuator></mujoco>"""


def task_of(tmp_path: Path, xml: str, success: str, **more: Any) -> CoordinateTask:
    (tmp_path / "robot.xml").write_text(xml)
    options: dict[str, Any] = {"control_period": 0.1, "episode_steps": 20}
    options |= {"camera": "view:0:0:0:2:90:-45", "success": [success]}
    task = registry.make("mjcf", xml=str(tmp_path / "robot.xml"), **(options | more))
    assert isinstance(task, CoordinateTask)
    return task


def at(task: CoordinateTask, *qpos: float) -> np.ndarray:
    """A state at positions, not brought to rest."""
    state = task.snapshot()
    state[1 : 1 + len(qpos)] = qpos
    return state


def test_a_goal_that_falls_is_drawn_again(tmp_path: Path) -> None:
    pole = task_of(tmp_path, POLE.format(damping=0.1), "hinge:0.1")
    tilted, hanging = at(pole, 0.2), at(pole, np.pi)
    assert drift(pole, tilted) > 10
    assert drift(pole, hanging) < 0.01
    states = iter([tilted, tilted, hanging, tilted])
    goal = draw_held(pole, lambda: Candidate(next(states), True))
    np.testing.assert_array_equal(goal, hanging)


def test_a_goal_that_still_moved_when_it_was_settled_is_drawn_again(tmp_path: Path) -> None:
    pole = task_of(tmp_path, POLE.format(damping=0.1), "hinge:0.1")
    first, second = at(pole, np.pi), at(pole, np.pi + 0.001)
    candidates = iter([Candidate(first, False), Candidate(second, True)])
    np.testing.assert_array_equal(draw_held(pole, lambda: next(candidates)), second)


def test_if_none_holds_the_one_that_drifts_least_is_taken(tmp_path: Path) -> None:
    pole = task_of(tmp_path, POLE.format(damping=0.1), "hinge:0.1", episode_steps=4)
    states = iter([at(pole, angle) for angle in (1.0, 0.3, *[1.5] * (TRIED - 2))])
    goal = draw_held(pole, lambda: Candidate(next(states), True))
    assert pole.qpos_qvel(goal)[0][0] == pytest.approx(0.3)


def test_goals_of_poles_that_swing_do_not_rest_and_the_task_says_so(tmp_path: Path) -> None:
    swinging = task_of(tmp_path, DOUBLE, "top:0.1")
    said = "goals do not rest: [0-2] of 20 held; success at the end means passing through"
    assert re.search(said, " ".join(swinging.about()))
    swinging.draw_start_and_goal(np.random.default_rng(0))


def test_goals_of_an_arm_rest_are_those_that_were_drawn_and_nothing_is_said(tmp_path: Path) -> None:
    arm = task_of(tmp_path, SERVO, "x:0.1")
    assert arm.goals_held() == RESTING
    assert "goals do not rest" not in " ".join(arm.about())
    rng, alike = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(3):
        pair = arm.draw_start_and_goal(rng)
        plain = Pair(arm.draw_state(alike), arm.draw_state(alike))
        np.testing.assert_array_equal(pair.start, plain.start)
        np.testing.assert_array_equal(pair.goal, plain.goal)
        assert drift(arm, pair.goal) <= HELD


def test_drawing_leaves_the_simulation_where_it_was(tmp_path: Path) -> None:
    arm = task_of(tmp_path, SERVO, "x:0.1")
    before = arm.snapshot()
    arm.about()
    arm.draw_start_and_goal(np.random.default_rng(0))
    np.testing.assert_array_equal(arm.snapshot(), before)


def test_what_falls_for_ever_is_refused_by_name(tmp_path: Path) -> None:
    task = task_of(tmp_path, DROP, "joint0:0.1")
    with pytest.raises(ValueError, match="drone falls for ever, so no goal of it rests"):
        task.about()
    with pytest.raises(ValueError, match="drone falls for ever"):
        task.draw_pair(np.random.default_rng(0))


def test_a_body_in_space_or_on_a_floor_is_not_refused(tmp_path: Path) -> None:
    space = DROP.replace("<worldbody>", '<option gravity="0 0 0"/><worldbody>')
    ground = DROP.replace("<worldbody>", '<worldbody><geom type="plane" size="5 5 1"/>')
    for xml in (space, ground):
        assert task_of(tmp_path, xml, "joint0:0.1").about()
