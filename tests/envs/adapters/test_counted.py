"""The numbers on which success depends: joints that carry a tool, the place of a base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.envs.adapters.counted import Counted
from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.registry import make

ARM = """<mujoco><option gravity="0 0 0"/><worldbody><body><joint name="turn" axis="0 0 1"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/><body pos=".3 0 0">
<joint name="bend" axis="0 1 0" range="-90 90"/><geom type="capsule" fromto="0 0 0 .2 0 0" size=".02"/>
<site name="tip" pos=".2 0 0"/><body pos=".2 0 0"><joint name="wag" axis="0 0 1" range="-30 30"/>
<geom size=".02" pos=".05 0 0"/></body></body></body></worldbody><actuator><position joint="turn" kp="5"
ctrlrange="-3 3"/><position joint="bend" kp="5" ctrlrange="-1.5 1.5"/><motor joint="wag"/></actuator></mujoco>"""


@pytest.fixture
def arm(tmp_path: Path) -> Any:
    (tmp_path / "arm.xml").write_text(ARM)
    return make(
        "mjcf",
        xml=str(tmp_path / "arm.xml"),
        success=["site:tip:0.02"],
        control_period=0.1,
        episode_steps=20,
    )


def test_joints_that_carry_the_tool_count_and_those_beyond_it_do_not(arm: Any) -> None:
    states = np.stack([arm.rest_state(np.array([0.5, 0.2, wag])) for wag in (0.3, -0.3)])
    # the bend, and cosine and sine of the turn, which has no limits
    np.testing.assert_allclose(
        arm.counted(states), [[0.2, np.cos(0.5), np.sin(0.5)]] * 2, atol=1e-3
    )


def test_of_a_mobile_robot_the_place_itself_counts_and_no_leg() -> None:
    task: Any = make("gymnasium", id="HalfCheetah-v5", success=["body:torso.xy:0.5"])
    state = task.draw_state(np.random.default_rng(0))
    task.restore(state)
    other = state.copy()
    other[1 + 5] += 0.3  # a leg
    np.testing.assert_allclose(task.counted(state[None]), task.data.body("torso").xipos[None, :2])
    np.testing.assert_allclose(task.counted(other[None]), task.counted(state[None]))


def test_the_tool_s_place_counts_where_no_action_moves_one_joint(arm: Any) -> None:
    counted = Counted(arm.success, read_roles(arm.model), by_joints=False)
    qpos = np.array([[0.5, 0.2, 0.3], [0.5, 0.2, -0.3]])
    tip = 0.3 + 0.2 * np.cos(0.2)
    place = [tip * np.cos(0.5), tip * np.sin(0.5), -0.2 * np.sin(0.2)]
    np.testing.assert_allclose(counted(qpos), [place] * 2, atol=1e-6)


def test_a_joint_on_whose_axis_the_tool_lies_is_free(tmp_path: Path) -> None:
    flange = ARM.replace(
        '<joint name="wag" axis="0 0 1" range="-30 30"/>\n<geom size=".02" pos=".05 0 0"/>',
        '<joint name="wag" axis="1 0 0" range="-30 30"/><geom size=".02" pos=".05 0 0"/>'
        '<site name="{}" pos=".05 {} 0"/>',
    )
    options: Any = {"control_period": 0.1, "episode_steps": 20}
    for name, off_axis, count in (("on", 0.005, 3), ("off", 0.01, 4)):
        (tmp_path / "arm.xml").write_text(flange.format(name, off_axis))
        task: Any = make(
            "mjcf", xml=str(tmp_path / "arm.xml"), success=[f"site:{name}:0.02"], **options
        )
        assert task.counted(task.snapshot()[None]).shape == (1, count)
