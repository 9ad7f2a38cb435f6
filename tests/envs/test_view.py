"""A camera that is not in the model: MuJoCo's own free camera, and chosen so that all that moves is in the picture."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.camera import RayCamera
from latent_mpc.envs.gl import view_camera
from latent_mpc.envs.view import View, choose_view, read_view

XML = """<mujoco><worldbody><geom type="plane" size="2 2 .1" pos="0 0 -.5"/><body>
<joint name="a" type="{0}" axis="{1}"/><joint name="b" type="{0}" axis="{2}"/><geom size=".05" pos="{3}"/></body></worldbody></mujoco>"""


@pytest.mark.parametrize("view", [View((0.1, -0.2, 0.3), 2.0, 90, -90), View((0, 0, 0), 1.5, 30, -20), View((1, 2, 3), 4, -135, 10)])
def test_a_view_is_mujocos_free_camera(view: View) -> None:
    model = mujoco.MjModel.from_xml_string(XML.format("slide", "1 0 0", "0 1 0", "0 0 0"))
    data, scene = mujoco.MjData(model), mujoco.MjvScene(model, maxgeom=10)
    mujoco.mj_forward(model, data)
    mujoco.mjv_updateScene(model, data, mujoco.MjvOption(), None, view_camera(view), int(mujoco.mjtCatBit.mjCAT_ALL), scene)
    eye = (np.array(scene.camera[0].pos) + scene.camera[1].pos) / 2  # of a stereo pair
    np.testing.assert_allclose(eye, view.position, atol=1e-6)
    np.testing.assert_allclose(scene.camera[0].forward, -view.axes[:, 2], atol=1e-6)
    np.testing.assert_allclose(scene.camera[0].up, view.axes[:, 1], atol=1e-6)


def test_a_view_survives_being_written_and_read() -> None:
    view = View((0.125, -2.5, 0.0), 3.5, 90.0, -20.0)
    assert str(view) == "view:0.125:-2.5:0:3.5:90:-20"
    assert read_view(str(view)) == view


@pytest.mark.parametrize("text", ["view:1:2:3", "view:a:0:0:1:90:-90", "view:0:0:0:0:90:-90", "view:nan:0:0:1:90:-90"])
def test_a_text_that_is_no_view_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"got '{text}'"):
        read_view(text)


@pytest.mark.parametrize(
    ("kind", "first", "second", "place", "elevation"),
    [("slide", "1 0 0", "0 1 0", "0 0 0", -90), ("hinge", "0 1 0", "0 1 0", "0 0 .5", -20)],  # on a table; a pendulum
)
def test_the_chosen_view_looks_along_what_moves_least_and_frames_it(
    kind: str, first: str, second: str, place: str, elevation: float
) -> None:
    model = mujoco.MjModel.from_xml_string(XML.format(kind, first, second, place))
    poses = np.random.default_rng(0).uniform(-1, 1, (100, 2)) * ([2.0, 0.7] if kind == "slide" else 1.5)
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
