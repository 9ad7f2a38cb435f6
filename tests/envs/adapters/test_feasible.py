"""Poses that a mechanism can take: closed loops closed, joints within their limits, halves of a
loop drawn together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.envs import registry
from latent_mpc.envs.adapters.feasible import constraint_violation, linked_trees

LINK = '<geom type="capsule" fromto="0 0 0 .3 0 0" size=".03"/>'
LOOP = f"""<mujoco><option gravity="0 0 0"/>
<default><geom contype="0" conaffinity="0"/><joint type="hinge" axis="0 0 1" damping="1"/></default>
<worldbody>
<body><joint name="crank" range="-90 90"/>{LINK}<body name="b" pos=".3 0 0"><joint name="coupler" range="-170 170"/>{LINK}</body></body>
<body pos="0 .3 0"><joint name="rocker" range="-90 90"/>{LINK}
  <body name="d" pos=".3 0 0"><joint name="passive" range="-170 170"/>
  <geom type="capsule" fromto="0 0 0 .3 -.3 0" size=".03"/></body></body>
</worldbody>
<equality><connect body1="b" body2="d" anchor=".3 0 0"/></equality>
<actuator><motor joint="crank" gear="2" ctrlrange="-1 1"/></actuator></mujoco>"""
FINGERS = f"""<mujoco><option gravity="0 0 0"/><default><joint type="slide" axis="1 0 0" damping="1" range="0 .2"/></default><worldbody>
<body><joint name="left"/>{LINK}</body><body pos="0 .3 0"><joint name="right"/>{LINK}</body></worldbody>
<equality><joint joint1="right" joint2="left" polycoef="0 1 0 0 0"/></equality>
<actuator><position joint="left" kp="20" ctrlrange="0 .2"/></actuator></mujoco>"""


@pytest.mark.slow
@pytest.mark.parametrize("xml", [LOOP, FINGERS])
def test_starts_and_goals_are_states_that_the_mechanism_can_take(xml: str, tmp_path: Path) -> None:
    (tmp_path / "robot.xml").write_text(xml)
    options: dict[str, Any] = {
        "control_period": 0.1,
        "episode_steps": 20,
        "success": ["crank:0.1" if xml is LOOP else "left:0.01"],
    }
    task = registry.make(
        "mjcf", xml=str(tmp_path / "robot.xml"), camera="view:0:0:0:2:90:-90", **options
    )
    low, high = task.model.jnt_range.T
    poses = []
    for pair in draw_pairs(task, 30, 7).pairs:
        for state in (pair.start, pair.goal):
            task.restore(state)
            assert constraint_violation(task.model, task.data) <= 1.0
            qpos = task.data.qpos.copy()
            assert (qpos > low - 0.02 * (high - low)).all()
            assert (qpos < high + 0.02 * (high - low)).all()
            if xml is LOOP:
                tips = [
                    task.data.body(name).xpos
                    + task.data.body(name).xmat.reshape(3, 3) @ [0.3, 0, 0]
                    for name in "b"
                ]
                other = task.data.body("d")
                anchor = np.linalg.inv(_at_home(task.model, "d")) @ np.append(_tip(task.model), 1.0)
                there = other.xpos + other.xmat.reshape(3, 3) @ anchor[:3]
                assert np.linalg.norm(tips[0] - there) < 0.01, "m"
            else:
                assert qpos[0] == pytest.approx(qpos[1], abs=0.02)
            poses.append(qpos)
    assert (np.ptp(poses, axis=0)[:1] > 0.6 * (high - low)[:1]).all(), "and still they are spread"


def test_trees_that_constraints_tie_belong_together() -> None:
    model = mujoco.MjModel.from_xml_string(LOOP)
    assert linked_trees(model, {0}) == {0, 1}
    free = mujoco.MjModel.from_xml_string(
        LOOP.replace('<connect body1="b" body2="d" anchor=".3 0 0"/>', "")
    )
    assert linked_trees(free, {0}) == {0}
    assert linked_trees(mujoco.MjModel.from_xml_string(FINGERS), {1}) == {0, 1}


def test_both_joints_of_a_name_that_was_made_up_once_count_and_can_be_named(tmp_path: Path) -> None:
    xml = f"""<mujoco><worldbody><geom type="plane" size="5 5 .1"/><body pos="0 0 .1"><freejoint/><geom type="box" size=".1 .1 .05"/>
    <body pos="0 0 .1"><joint name="joint0" axis="0 0 1" range="-90 90" damping="1"/>{LINK}</body></body></worldbody>
    <actuator><motor joint="joint0" ctrlrange="-1 1"/></actuator></mujoco>"""
    (tmp_path / "robot.xml").write_text(xml)
    options: dict[str, Any] = {
        "control_period": 0.1,
        "episode_steps": 20,
        "camera": "view:0:0:0:2:90:-90",
    }
    task = registry.make(
        "mjcf", xml=str(tmp_path / "robot.xml"), success=["joint0:0.1", "joint0_.xy:1"], **options
    )
    start = task.rest_state(np.array([0, 0, 0.05, 1, 0, 0, 0, 0.0]))
    turned, moved = start.copy(), start.copy()
    turned[1 + 7] = 0.5
    moved[1] = 3.0
    assert task.distance(start, turned) == pytest.approx(5.0)
    assert task.distance(start, moved) == pytest.approx(3.0, abs=1e-3)


def _tip(model: mujoco.MjModel) -> np.ndarray:
    return _at_home(model, "b")[:3, :3] @ [0.3, 0, 0] + _at_home(model, "b")[:3, 3]


def _at_home(model: mujoco.MjModel, body: str) -> np.ndarray:
    """Pose of a body in the model's own pose, `[4, 4]`."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = data.body(body).xmat.reshape(3, 3), data.body(body).xpos
    return pose
