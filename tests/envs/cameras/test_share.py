"""Robots that the default pictures did not show: group 3, grey on grey, one that falls far away, one
too small for its room.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.adapters.mjcf_task import MjcfTask
from latent_mpc.envs.cameras.looks import GREY, ROBOT, make_plain
from latent_mpc.envs.cameras.ray import RayCamera
from latent_mpc.envs.cameras.share import ENOUGH, least_pixels, pixels_covered

FLOOR = '<geom type="plane" size="5 5 .1"/>'
ROD = '<geom {} type="capsule" fromto="0 0 0 .3 0 0" size=".03"/>'
ARM = (
    "<mujoco><worldbody>{floor}<body pos='0 0 .5'>"
    "<joint name='a' axis='0 1 0' range='-90 90' damping='1'/>{look}</body></worldbody>"
    "<actuator><motor joint='a' gear='2' ctrlrange='-1 1'/></actuator></mujoco>"
)
BALL = """<mujoco><worldbody><geom type="plane" size="5 5 .1"/>
<body pos="0 0 .03"><joint name="x" type="slide" axis="1 0 0" damping="1" range="-{room} {room}"/>
<joint name="y" type="slide" axis="0 1 0" damping="1" range="-{room} {room}"/><geom size="{size}"/></body></worldbody>
<actuator><motor joint="x" gear="5" ctrlrange="-1 1"/><motor joint="y" gear="5" ctrlrange="-1 1"/></actuator></mujoco>"""
LEDGE = """<mujoco><worldbody><geom type="box" size=".6 .6 .05" pos="0 0 1"/><body name="robot" pos="0 0 1.2"><freejoint/>
<geom type="box" size=".1 .1 .05" mass="1"/><body pos="0 0 .1"><joint name="w" axis="0 1 0" range="-60 60" damping=".1"/>
<geom type="capsule" fromto="0 0 0 0 0 .2" size=".02" mass=".5"/></body></body></worldbody>
<actuator><motor joint="w" gear="4" ctrlrange="-1 1"/></actuator></mujoco>"""


def make(folder: Path, text: str, **options: Any) -> MjcfTask:
    (folder / "toy.xml").write_text(text)
    return MjcfTask(str(folder / "toy.xml"), obs=("pixels",), **options)


def test_an_arm_of_collision_geoms_alone_is_shown_and_other_arms_are_left_alone() -> None:
    hidden = mujoco.MjModel.from_xml_string(ARM.format(floor=FLOOR, look=ROD.format('group="3"')))
    make_plain(hidden, "")
    assert hidden.geom_group.tolist() == [0, 0]
    both = ROD.format("") + ROD.format('group="3"')
    shown = mujoco.MjModel.from_xml_string(ARM.format(floor=FLOOR, look=both))
    make_plain(shown, "")
    assert shown.geom_group.tolist() == [0, 0, 3]


@pytest.mark.parametrize(
    ("floor", "rod", "camera", "coloured"),
    [
        (FLOOR, "", "", True),
        (FLOOR, "", "view:0:0:0:1:0:0", True),
        (FLOOR, "", "front", False),
        (FLOOR, 'rgba="0 0 1 1"', "", False),
        ('<geom type="plane" size="5 5 .1" rgba="1 1 1 1"/>', "", "", False),
        ("", "", "", False),
    ],
)
def test_grey_on_grey_is_told_apart_and_nothing_else_gets_a_colour(
    floor: str, rod: str, camera: str, coloured: bool
) -> None:
    model = mujoco.MjModel.from_xml_string(ARM.format(floor=floor, look=ROD.format(rod)))
    before = model.geom_rgba.copy()
    make_plain(model, camera)
    np.testing.assert_array_equal(model.geom_rgba[:-1], before[:-1])
    assert (model.geom_rgba[-1] == ROBOT).all() == coloured
    assert coloured or (model.geom_rgba == before).all()
    assert (before[-1] == GREY).all() or rod


def test_pixels_that_a_ball_covers_are_those_of_its_disc() -> None:
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body><joint/><geom size=".2"/></body></worldbody></mujoco>'
    )
    camera = RayCamera(model, "view:0:0:0:4:90:-90", 256, supersample=1)
    (count,) = pixels_covered(camera, model.qpos0[None], np.array([False, True]))
    height = 2 * 4 * np.tan(np.deg2rad(model.vis.global_.fovy) / 2)
    assert count == pytest.approx(np.pi * (0.2 / height * 256) ** 2, rel=0.03)
    assert [least_pixels(size) for size in (16, 64, 256)] == [1, 4, 4]


def test_a_robot_that_falls_from_a_ledge_is_seen_from_near(tmp_path: Path) -> None:
    task = make(tmp_path, LEDGE)
    state = task.rest_state(task.model.qpos0)
    counts = pixels_covered(
        task.camera, task.qpos_qvel(state)[0][None], np.arange(task.model.nbody) > 0
    )
    assert counts[0] >= ENOUGH * 64**2


@pytest.mark.parametrize(("room", "size", "pixels"), [(3, ".03", 64), (0.29, ".01", 64)])
def test_what_is_too_small_for_its_room_is_refused_in_one_line(
    room: float, size: str, pixels: int, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"^toy: pictures must") as refused:
        make(tmp_path, BALL.format(room=room, size=size), size=pixels)
    assert "task.camera=NAME" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_larger_pictures_show_what_smaller_ones_do_not(tmp_path: Path) -> None:
    make(tmp_path, BALL.format(room=0.29, size=".01"), size=128)
