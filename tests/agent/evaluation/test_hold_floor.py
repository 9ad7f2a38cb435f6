"""The floor that gives the goal's command from the start on: it reaches on servos, absolute and by
increments, and is there only where the command is known.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.agent.evaluation.episodes import Holder, physics, play
from latent_mpc.agent.evaluation.evaluate import floors
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.envs import registry

ARM = """<mujoco><worldbody><body><joint name="shoulder" axis="0 1 0" range="-90 90" damping="1"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".03"/><body pos=".3 0 0">
<joint name="elbow" axis="0 1 0" range="-90 90" damping="1"/><geom type="capsule" fromto="0 0 0 .2 0 0" size=".03"/>
</body></body></worldbody><actuator><position joint="shoulder" kp="50" ctrlrange="-2 2"/>
<{elbow}/></actuator></mujoco>"""
SERVO = 'position joint="elbow" kp="50" ctrlrange="-2 2"'
MOTOR = 'motor joint="elbow" gear="5" ctrlrange="-1 1"'
OPTIONS: dict[str, Any] = {"control_period": 0.1, "episode_steps": 40}
OPTIONS |= {"success": ["shoulder:0.1", "elbow:0.1"], "camera": "view:0:0:0:2:90:0"}


@pytest.mark.parametrize(
    "actions", ["increments", pytest.param("absolute", marks=pytest.mark.slow)]
)
def test_holding_the_goals_command_reaches_on_servos(actions: str, tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM.format(elbow=SERVO))
    task = registry.make("mjcf", xml=str(tmp_path / "arm.xml"), actions=actions, **OPTIONS)
    pairs = draw_pairs(task, 10, 7)
    rates = floors(task, pairs)
    assert list(rates) == ["random", "stay", "hold"]
    assert (rates["stay"]["rate"], rates["hold"]["rate"]) == (0.0, 1.0)


def test_by_increments_the_command_goes_straight_to_the_goals_and_stays(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM.format(elbow=SERVO))
    task = registry.make("mjcf", xml=str(tmp_path / "arm.xml"), **OPTIONS)
    (pair,) = draw_pairs(task, 1, 7).pairs
    states = play(Holder(task), task, [pair], 40, observe=physics).states[:, 0]
    commands = []
    for state in (*states, pair.goal):
        task.restore(state)
        commands.append(task.data.ctrl.copy())
    left = np.abs(np.array(commands[:-1]) - commands[-1])
    assert (np.diff(left, axis=0) <= 1e-6).all(), "nearer with each step"
    np.testing.assert_allclose(left[-1], 0.0, atol=0.02)
    assert np.abs(np.diff(commands[:-1], axis=0)).max() <= 4 / 18 + 1e-9, "its share of the range"


def test_beside_a_servo_a_motor_is_given_its_force_at_the_goal(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM.format(elbow=MOTOR))
    task = registry.make("mjcf", xml=str(tmp_path / "arm.xml"), **OPTIONS)
    pair = task.draw_pair(np.random.default_rng(0))
    policy = task.holding(pair.goal)
    assert policy is not None
    task.restore(pair.goal)
    assert policy(pair.start)[1] == pytest.approx(task.still()[1])
    assert np.abs(policy(pair.goal)[0]) < 0.1, "there already"


def test_where_the_command_is_not_known_there_is_no_such_floor() -> None:
    task = registry.make("reacher")
    assert task.holding(task.snapshot()) is None
    assert list(floors(task, draw_pairs(task, 2, 7))) == ["random", "stay"]
