"""What an arm may touch where it begins and at goals: objects, and its gripper itself."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.adapters.touching import Touching
from latent_mpc.envs.registry import make

ARM = """<mujoco><worldbody>
<geom name="floor" type="plane" size="2 2 .1"/>{things}
<body pos="0 0 .4"><joint name="turn" axis="0 0 1" range="-120 120" damping="1"/>
<geom type="sphere" size=".03"/>
<body><joint name="lift" axis="0 1 0" range="-80 120" damping="1"/>
<geom type="capsule" fromto=".08 0 0 .5 0 0" size=".02"/>{hand}</body></body></worldbody>
<actuator><position joint="turn" kp="50" ctrlrange="-2 2"/>
<position joint="lift" kp="80" ctrlrange="-1.4 2.1"/>{motors}</actuator></mujoco>"""
BALL = '<body pos=".3 .3 .05"><freejoint/><geom size=".05"/></body>'
FINGERS = """<body name="palm" pos=".52 0 0"><geom type="sphere" size=".01" pos="0 0 0"/>
<body><joint name="left" type="slide" axis="0 1 0" range="-.02 .02" damping="1"/>
<geom type="box" size=".02 .01 .02" pos=".04 .012 0"/></body>
<body><joint name="right" type="slide" axis="0 1 0" range="-.02 .02" damping="1"/>
<geom type="box" size=".02 .01 .02" pos=".04 -.012 0"/></body></body>"""
GRIP = '<motor joint="left"/><motor joint="right"/>'


def touches(qpos: list[float], **parts: str) -> bool:
    """Whether the arm at these positions touches what it should not."""
    model = mujoco.MjModel.from_xml_string(
        ARM.format_map({"things": "", "hand": "", "motors": "", **parts})
    )
    data = mujoco.MjData(model)
    data.qpos[: len(qpos)] = qpos
    mujoco.mj_forward(model, data)
    assert len(data.contact.dist) or not qpos
    return Touching(model, read_roles(model))(data)


def test_leaning_on_the_floor_is_touching() -> None:
    assert touches([0.0, 0.98])


def test_an_object_may_be_touched() -> None:
    on_the_floor = [0.3, 0.3, 0.049, 1, 0, 0, 0]
    assert not touches([*on_the_floor, np.pi / 4, 0.73], things=BALL)


def test_fingers_may_touch_one_another() -> None:
    assert not touches([0.0, 0.0, -0.01, 0.01], hand=FINGERS, motors=GRIP)


def test_what_touches_as_the_model_begins_always_may() -> None:
    post = '<geom name="rest" type="box" size=".05 .05 .19" pos=".3 0 .195"/>'
    assert not touches([0.0, 0.0], things=post)


def test_starts_and_goals_touch_nothing(tmp_path: Path) -> None:
    (tmp_path / "arm.xml").write_text(ARM.format(things="", hand="", motors=""))
    task = make("mjcf", xml=str(tmp_path / "arm.xml"), control_period=0.1, episode_steps=30)
    rng = np.random.default_rng(0)
    for _ in range(10):
        pair = task.draw_start_and_goal(rng)
        for state in (pair.start, pair.goal):
            task.restore(state)
            mujoco.mj_forward(task.model, task.data)
            assert not (task.data.contact.dist < 0).any()


@pytest.mark.parametrize("things", ["", BALL])
def test_robots_that_carry_themselves_about_touch_what_they_like(things: str) -> None:
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><geom type="plane" size="2 2 .1"/>' + things + '<body pos="0 0 .1">'
        '<freejoint/><geom size=".1"/><body><joint name="leg" axis="0 1 0"/><geom type="capsule" '
        'fromto="0 0 0 .3 0 -.2" size=".02"/></body></body></worldbody><actuator>'
        '<motor joint="leg"/></actuator></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 500)
    assert not Touching(model, read_roles(model))(data)
