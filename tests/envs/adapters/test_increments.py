"""Servos that are moved by increments of their command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.agent.oracle import Simulator
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.increments import SHARE
from latent_mpc.envs.registry import make

ARM = """<mujoco><worldbody><body><joint name="lift" axis="0 1 0" range="-90 90" damping="1"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/><body pos=".3 0 0">
<joint name="roll" axis="1 0 0" range="-90 90" damping=".1"/><geom type="box" size=".1 .02 .01"/></body></body>
</worldbody><actuator><position joint="lift" kp="60" ctrlrange="-1 1"/>
<motor joint="roll" ctrlrange="-.1 .1"/></actuator></mujoco>"""


@pytest.fixture
def arm(tmp_path: Path) -> Any:
    (tmp_path / "arm.xml").write_text(ARM)
    return make(
        "mjcf",
        xml=str(tmp_path / "arm.xml"),
        success=["lift:0.1"],
        control_period=0.1,
        episode_steps=20,
        camera="view:0:0:0:2:90:-45",
    )


def test_an_action_changes_a_servos_command_by_a_share_of_its_range_and_a_motors_is_its_force(
    arm: Any,
) -> None:
    arm.restore(arm.draw_state(np.random.default_rng(0)))
    before = arm.data.ctrl.copy()
    arm.apply(np.array([0.5, -1.0]))
    np.testing.assert_allclose(arm.data.ctrl, [before[0] + 0.5 * SHARE * 2, -0.1])
    for _ in range(200):
        arm.apply(np.array([1.0, 0.0]))
    assert arm.data.ctrl[0] == 1.0  # never beyond its range


def test_zero_keeps_the_robot_where_it_is_and_the_state_shows_the_command(arm: Any) -> None:
    start = arm.draw_state(np.random.default_rng(1))
    arm.restore(start)
    assert arm.observation()["state"][-1] == np.float32(arm.data.ctrl[0])
    assert arm.still()[0] == 0.0
    for _ in range(20):
        arm.apply(arm.still())
    assert arm.distance(arm.snapshot(), start) < 0.05


def test_the_oracle_foresees_increments(arm: Any) -> None:
    arm.restore(arm.draw_state(np.random.default_rng(2)))
    here = arm.snapshot()
    actions = np.random.default_rng(3).uniform(-1, 1, (1, 5, 2))
    foreseen = Simulator(arm, threads=1)(here[None], actions)[0]
    for t, action in enumerate(actions[0]):
        arm.apply(action)
        np.testing.assert_allclose(foreseen[t][1:5], arm.snapshot()[1:5], atol=1e-6)


def test_without_the_command_before_an_increment_says_nothing(arm: Any) -> None:
    with pytest.raises(LatentMPCError, match="give task.actions=absolute"):
        arm.control(np.zeros((3, 2)))


def test_absolute_actions_are_commands_as_ever(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM)
    options = {"success": ["lift:0.1"], "control_period": 0.1, "episode_steps": 20}
    task: Any = make("mjcf", xml=str(tmp_path / "arm.xml"), actions="absolute", **options)
    task.apply(np.array([0.5, 0.0]))
    np.testing.assert_allclose(task.data.ctrl, [0.5, 0.0])


def test_a_hinge_that_turns_further_than_once_takes_a_share_of_a_turn(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(
        ARM.replace('range="-90 90" damping="1"', 'range="-360 360"').replace(
            'kp="60" ctrlrange="-1 1"', 'kp="60" gear="2" ctrlrange="-12.6 12.6"'
        )
    )
    options: dict[str, Any] = {"control_period": 0.1, "episode_steps": 20}
    options |= {"camera": "view:0:0:0:2:90:-45", "success": ["lift:0.1"]}
    arm = make("mjcf", xml=str(tmp_path / "arm.xml"), **options)
    before = arm.data.ctrl[0]
    arm.apply(np.array([1.0, 0.0]))
    assert arm.data.ctrl[0] - before == pytest.approx(SHARE * 2 * np.pi * 2)
