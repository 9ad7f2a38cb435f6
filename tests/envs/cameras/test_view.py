"""A camera that is not in the model: MuJoCo's own free camera, and chosen so that all that moves is
in the picture.
"""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from omegaconf import OmegaConf

from latent_mpc.agent.cli.compose import parse
from latent_mpc.envs.cameras.ray import RayCamera
from latent_mpc.envs.cameras.share import choose_near_views
from latent_mpc.envs.cameras.view import (
    MARGIN,
    View,
    choose_view,
    moves_in_space,
    read_view,
    split_names,
    view_camera,
)

XML = """<mujoco><worldbody><geom type="plane" size="2 2 .1" pos="0 0 -.5"/><body>
<joint name="a" type="{0}" axis="{1}"/><joint name="b" type="{0}" axis="{2}"/><geom size=".05" pos="{3}"/></body></worldbody></mujoco>"""


@pytest.mark.parametrize(
    "view",
    [
        View((0.1, -0.2, 0.3), 2.0, 90, -90),
        View((0, 0, 0), 1.5, 30, -20),
        View((1, 2, 3), 4, -135, 10),
    ],
)
def test_a_view_is_mujocos_free_camera(view: View) -> None:
    model = mujoco.MjModel.from_xml_string(XML.format("slide", "1 0 0", "0 1 0", "0 0 0"))
    data, scene = mujoco.MjData(model), mujoco.MjvScene(model, maxgeom=10)
    mujoco.mj_forward(model, data)
    mujoco.mjv_updateScene(
        model,
        data,
        mujoco.MjvOption(),
        None,
        view_camera(model, view),
        int(mujoco.mjtCatBit.mjCAT_ALL),
        scene,
    )
    eye = (np.array(scene.camera[0].pos) + scene.camera[1].pos) / 2  # of a stereo pair
    np.testing.assert_allclose(eye, view.position, atol=1e-6)
    np.testing.assert_allclose(scene.camera[0].forward, -view.axes[:, 2], atol=1e-6)
    np.testing.assert_allclose(scene.camera[0].up, view.axes[:, 1], atol=1e-6)


def test_a_view_survives_being_written_and_read() -> None:
    view = View((0.125, -2.5, 0.0), 3.5, 90.0, -20.0)
    assert str(view) == "view:0.125:-2.5:0:3.5:90:-20"
    assert read_view(str(view)) == view


@pytest.mark.parametrize(
    ("view", "text"),
    [
        # millimetres
        (View((0.3994, 0.0, 0.0), 12270.0, 90.0, -90.0), "view:0.3994:0:0:1.227e04:90:-90"),
        (View((1e-5, -2.5e-7, 0.0), 3e-4, 90.0, -20.0), "view:1e-05:-2.5e-07:0:0.0003:90:-20"),
        # far away, and small
        (View((123456.7, -98765.4, 0.0), 2.0, 90.0, -20.0), "view:123456.7:-98765.4:0:2:90:-20"),
        (View((123456.7, 0.0, 0.0), 1e5, 90.0, -20.0), "view:1.235e05:0:0:1e05:90:-20"),
    ],
)
def test_views_of_any_size_stand_in_a_config_and_on_a_command_line(view: View, text: str) -> None:
    assert str(view) == text
    assert str(read_view(text)) == text
    np.testing.assert_allclose(read_view(text).at, view.at, atol=1e-3 * view.distance)
    assert parse(f"task.camera={text}").value == text
    assert OmegaConf.create(OmegaConf.to_yaml({"camera": text})).camera == text
    assert split_names(text) == [text]
    assert split_names(f"front+{text}+{text}+2") == ["front", text, text, "2"]


def test_the_plus_of_an_exponent_stacks_no_cameras() -> None:
    assert split_names("view:0:0:0:1.2e+04:90:-9.E+1+top+view:1e+1:0:0:2:90:0") == [
        "view:0:0:0:1.2e+04:90:-9.E+1",
        "top",
        "view:1e+1:0:0:2:90:0",
    ]
    assert split_names("front+top") == ["front", "top"]
    assert split_names("stage+2+1e+top") == ["stage", "2", "1e", "top"]


@pytest.mark.parametrize(
    "text", ["view:1:2:3", "view:a:0:0:1:90:-90", "view:0:0:0:0:90:-90", "view:nan:0:0:1:90:-90"]
)
def test_a_text_that_is_no_view_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"got '{text}'"):
        read_view(text)


@pytest.mark.parametrize(
    ("kind", "first", "second", "place", "elevation"),
    # on a table; a pendulum
    [("slide", "1 0 0", "0 1 0", "0 0 0", -90), ("hinge", "0 1 0", "0 1 0", "0 0 .5", -20)],
)
def test_the_chosen_view_looks_along_what_moves_least_and_frames_it(
    kind: str, first: str, second: str, place: str, elevation: float
) -> None:
    model = mujoco.MjModel.from_xml_string(XML.format(kind, first, second, place))
    poses = np.random.default_rng(0).uniform(-1, 1, (100, 2)) * (
        [2.0, 0.7] if kind == "slide" else 1.5
    )
    view = choose_view(model, poses, np.array([False, True]))
    assert view.elevation == elevation
    assert view.azimuth == pytest.approx(90, abs=3)
    camera, data, shares = RayCamera(model, str(view), 32), mujoco.MjData(model), []
    for qpos in poses:
        data.qpos[:] = qpos
        mujoco.mj_forward(model, data)
        shares.append(camera.project(data, data.geom_xpos[1]))
    assert np.min(shares) > 0
    assert np.max(shares) < 1
    assert np.ptp(shares, axis=0).max() > 0.6


def test_the_chosen_view_is_as_near_as_its_margin_allows() -> None:
    """A long thin thing is framed by its ends, not by the ball about it."""
    model = mujoco.MjModel.from_xml_string(
        """<mujoco><worldbody><body><joint type="slide" axis="1 0 0"/>
        <geom type="box" size="1 .02 .02"/></body></worldbody></mujoco>"""
    )
    view = choose_view(model, np.linspace(-0.5, 0.5, 9)[:, None], np.array([False, True]))
    data = mujoco.MjData(model)
    data.qpos[:] = 0.5
    mujoco.mj_forward(model, data)
    camera = RayCamera(model, str(view), 32)
    ends = [camera.project(data, np.array([x, 0.0, 0.0])) for x in (-0.5, 1.5)]
    assert np.max(np.abs(ends - np.array([0.5, 0.5]))) == pytest.approx(0.5 / MARGIN, abs=0.02)


LIFT = """<mujoco><worldbody><body><joint axis="0 0 1"/>{0}<body pos=".1 0 0"><joint axis="0 1 0" range="-1 1"/>
<geom type="capsule" size=".02" fromto="0 0 0 .3 0 0"/></body></body></worldbody></mujoco>"""


def test_a_second_view_shows_what_the_first_hides() -> None:
    """Seen from above, an arm that is lifted only looks shorter, up or down alike."""
    model = mujoco.MjModel.from_xml_string(LIFT.format('<geom size=".02"/>'))
    moving = np.array([False, True, True])
    poses = np.random.default_rng(0).uniform(-1, 1, (100, 2)) * [3.0, 1.0]
    assert moves_in_space(model, poses, moving)
    assert not moves_in_space(model, poses * [1.0, 0.1], moving)
    views = choose_near_views(model, poses, moving, np.array([False, False, True]))
    assert [view.elevation for view in views] == [-90, -20]
    data, up = mujoco.MjData(model), []
    for lift in (-0.5, 0.5):
        data.qpos[:] = [1.0, lift]
        mujoco.mj_forward(model, data)
        up.append([RayCamera(model, str(v), 32).project(data, data.geom_xpos[1]) for v in views])
    apart = np.abs(np.array(up[0]) - np.array(up[1])).max(axis=-1)
    assert apart[0] < 0.05  # perspective's
    assert apart[1] > 0.1


SPECKS = """<mujoco><visual><global {0}/></visual><worldbody><body><joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 1 0"/>
<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>{1}</body></worldbody></mujoco>"""


@pytest.mark.parametrize("look", ['<site size=".05" pos="9 0 0"/>', ""])
@pytest.mark.parametrize("spread", [0.0, 1.0])  # 0: nothing moves, which has a size all the same
def test_without_geoms_a_view_follows_sites_or_bodies(look: str, spread: float) -> None:
    model, poses = (
        mujoco.MjModel.from_xml_string(SPECKS.format("", look)),
        np.random.default_rng(0).uniform(-1, 1, (50, 2)) * spread,
    )
    view = choose_view(model, poses, np.array([False, True]))
    assert 0.05 < view.distance < 10
    camera, data, shares = RayCamera(model, str(view), 32), mujoco.MjData(model), []
    for qpos in poses:
        data.qpos[:] = qpos
        mujoco.mj_forward(model, data)
        shares.append(camera.project(data, data.site_xpos[0] if look else data.xipos[1]))
    assert np.min(shares) > 0
    assert np.max(shares) < 1


def test_an_orthographic_view_stands_outside_all_that_moves() -> None:
    model = mujoco.MjModel.from_xml_string(
        SPECKS.format('orthographic="true" fovy="350"', '<geom size=".05"/>')
    )
    view = choose_view(
        model, np.random.default_rng(0).uniform(-1, 1, (50, 2)), np.array([False, True])
    )
    assert 1.5 < view.distance < 10
