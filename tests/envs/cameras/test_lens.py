"""Where cameras of every kind put things: by hand, and as MuJoCo's own frustum has it. No OpenGL
needed.
"""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.cameras.lens import Orthographic, find_lens
from latent_mpc.envs.cameras.ray import BACKGROUND, RayCamera
from latent_mpc.envs.cameras.view import View, view_camera

SCENE = """<mujoco><visual><global {free}/></visual><worldbody><camera name="c" pos="0 0 2" {camera}/>
<body><joint type="slide" axis="1 0 0"/><joint type="slide" axis="0 0 1"/><geom type="box" size=".1 .1 .1" rgba="1 0 0 1"/></body>
<geom type="box" size=".05 .05 .01" pos="-.3 -.3 -1" rgba="0 1 0 1"/></worldbody></mujoco>"""
SENSOR = 'focal="2 3" sensorsize="1 2" principal=".1 .2" resolution="10 20"'
PIXELS = 'focalpixel="20 30" sensorsize="1 2" principalpixel="1 2" resolution="10 20"'
PARALLEL = 'projection="orthographic" fovy="1"'


def scene(
    camera: str = "", free: str = "", x: float = 0.0, z: float = 0.0
) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """A red box of 0.2 m at (x, 0, z) and a small green one that stays; the camera looks down from
    2 m.
    """
    model = mujoco.MjModel.from_xml_string(SCENE.format(camera=camera, free=free))
    data = mujoco.MjData(model)
    data.qpos[:] = x, z
    mujoco.mj_forward(model, data)
    return model, data


def share(picture: np.ndarray, channel: int = 0) -> np.ndarray:
    """Left, right, top, bottom of what has this colour, as shares of width and height."""
    rows, columns = np.nonzero(picture[..., channel] > 100)
    return np.array([columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]) / len(picture)


@pytest.mark.parametrize("depth", [-3.0, 0.0, 1.5])
def test_an_orthographic_camera_shows_a_length_as_its_share_of_fovy_at_any_depth(
    depth: float,
) -> None:
    model, data = scene(PARALLEL, x=0.2, z=depth)
    camera = RayCamera(model, "c", 100)
    np.testing.assert_allclose(share(camera.render(data)), [0.6, 0.8, 0.4, 0.6], atol=1e-9)
    points = np.array([[0.2, 0, depth], [-0.5, 0.5, depth], [0.1, -0.25, -7]])
    np.testing.assert_allclose(
        camera.project(data, points), np.array([[0.7, 0.5], [0, 0], [0.6, 0.75]]), atol=1e-9
    )


def test_what_is_behind_an_orthographic_camera_is_not_drawn() -> None:
    model, data = scene(PARALLEL, z=2.5)
    assert not (RayCamera(model, "c", 20).render(data)[..., 0] > 100).any()


def test_a_view_is_orthographic_where_the_model_says_so_of_its_free_camera() -> None:
    model, data = scene(free='orthographic="true" fovy="2"', x=0.5)
    for distance in (1.0, 5.0):
        camera = RayCamera(model, f"view:0:0:0:{distance}:90:-90", 100)
        np.testing.assert_allclose(share(camera.render(data)), [0.7, 0.8, 0.45, 0.55], atol=1e-9)
        np.testing.assert_allclose(camera.project(data, data.geom_xpos[-1]), [0.75, 0.5], atol=1e-9)


def test_an_orthographic_view_may_be_as_wide_as_a_world_in_millimetres() -> None:
    model, data = scene(free='orthographic="true" fovy="40000"', x=10000)
    np.testing.assert_allclose(
        RayCamera(model, "view:0:0:0:1:90:-90", 16).project(data, data.geom_xpos[-1]),
        [0.75, 0.5],
        atol=1e-9,
    )


@pytest.mark.parametrize("camera", [SENSOR, PIXELS])
def test_focal_length_sensor_and_principal_point_count(camera: str) -> None:
    """0.2 m at a depth of 1.9 m: on a sensor 1 wide by a focal length of 2 and 2 high by one of
    3.
    """
    model, data = scene(camera)
    made = RayCamera(model, "c", 200)
    left, right, top, bottom = share(made.render(data))
    assert right - left == pytest.approx(0.2 / 1.9 * 2 / 1, abs=1 / 200)
    assert bottom - top == pytest.approx(0.2 / 1.9 * 3 / 2, abs=1 / 200)
    assert (left + right) / 2 == pytest.approx(0.5 - 0.1, abs=1 / 200)
    # up or down: MuJoCo turned it round after 3.5
    assert abs((top + bottom) / 2 - 0.5) == pytest.approx(0.1, abs=1 / 200)
    np.testing.assert_allclose(
        made.project(data, data.geom_xpos[-1]),
        np.array([left + right, top + bottom]) / 2,
        atol=1 / 200,
    )


@pytest.mark.parametrize(
    "camera", ["", 'fovy="70"', PARALLEL, SENSOR, PIXELS, SENSOR + ' projection="orthographic"']
)
@pytest.mark.parametrize("free", ["", 'fovy="60"', 'orthographic="true" fovy="3"'])
@pytest.mark.parametrize("place", [0, View((0.1, 0.2, 0.3), 2.0, 30.0, -40.0)])
def test_every_lens_is_what_opengl_is_given(camera: str, free: str, place: View | int) -> None:
    model, data = scene(camera, free)
    drawn = mujoco.MjvScene(model, maxgeom=10)
    options, everything = mujoco.MjvOption(), int(mujoco.mjtCatBit.mjCAT_ALL)
    mujoco.mjv_updateScene(model, data, options, None, view_camera(model, place), everything, drawn)
    eye, lens = drawn.camera[0], find_lens(model, place)
    near = 1.0 if eye.orthographic else eye.frustum_near
    # 0: that of the picture, which is square
    width = eye.frustum_width or (eye.frustum_top - eye.frustum_bottom) / 2
    corner = np.array([eye.frustum_center + width, eye.frustum_top, -near])
    assert isinstance(lens, Orthographic) == bool(eye.orthographic)
    np.testing.assert_allclose(lens.project(corner), [1, 0], atol=1e-5)  # top right
    corner = np.array([eye.frustum_center - width, eye.frustum_bottom, -near])
    np.testing.assert_allclose(lens.project(corner), [0, 1], atol=1e-5)


@pytest.mark.parametrize(
    "camera",
    ['fovy="0"', 'sensorsize="1 2" resolution="10 20"', 'projection="orthographic" fovy="0"'],
)
def test_a_camera_without_a_field_of_view_is_refused(camera: str) -> None:
    with pytest.raises(ValueError, match=r"camera 'c' must have a fovy above 0 .* got a fovy of"):
        RayCamera(scene(camera)[0], "c")


@pytest.mark.parametrize("camera", [PARALLEL, SENSOR])
def test_rays_cast_once_give_the_bytes_of_casting_all_with_any_lens(camera: str) -> None:
    model, data = scene(camera)
    kept, rng = RayCamera(model, "c", 48), np.random.default_rng(0)
    for _ in range(6):
        data.qpos[:] = rng.uniform(-0.4, 0.4, 2)
        mujoco.mj_forward(model, data)
        np.testing.assert_array_equal(kept.render(data), RayCamera(model, "c", 48).render(data))


@pytest.mark.parametrize(
    "shape", ['size=".3"', 'type="box" size=".2 .2 .3"', 'type="ellipsoid" size=".3 .2 .4"']
)
@pytest.mark.parametrize("kind", ["", PARALLEL])
def test_a_camera_sees_out_of_what_it_stands_in(shape: str, kind: str) -> None:
    """A camera in a robot's head, which lies in a larger one: no back faces, as OpenGL has it."""
    head = (
        f'<geom {shape} pos="0 0 2" rgba="0 0 1 1"/><geom size=".5" pos="0 0 2.1" rgba="0 0 1'
        ' 1"/></worldbody>'
    )
    model = mujoco.MjModel.from_xml_string(
        SCENE.format(camera=kind, free="").replace("</worldbody>", head)
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    bare, free = scene(kind)
    np.testing.assert_array_equal(
        RayCamera(model, "c", 40).render(data), RayCamera(bare, "c", 40).render(free)
    )
    assert (model.geom_group == 0).all()  # as it was


@pytest.mark.parametrize(
    ("material", "own", "expected"),
    [
        ("0 1 0 1", "", (0, 1, 0)),
        ("0 1 0 1", 'rgba="1 0 0 1"', (1, 0, 0)),  # stands above the material
        ("0 1 0 1", 'rgba=".5 .5 .5 1"', (0, 1, 0)),  # MuJoCo's default: as if none was given
        ("0 1 0 1", 'rgba="1 0 0 0"', None),
        ("0 1 0 0", "", None),
    ],
)
def test_colours_are_the_models(
    material: str, own: str, expected: tuple[int, int, int] | None
) -> None:
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><asset><material name="m" rgba="{material}"/></asset><worldbody><camera name="c"'
        f' pos="0 0 2"/><geom type="box" size="2 2 .1" material="m" {own}/></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    pixel = RayCamera(model, "c", 16).render(data)[8, 8]
    if expected is None:
        assert (pixel == np.rint(BACKGROUND * 255)).all()
    else:
        assert (np.array(pixel > 100) == expected).all()


INERTIA = """<mujoco><worldbody><geom type="plane" size="2 2 .1"/><body><joint type="hinge" axis="0 0 1"/>{}
<geom size=".1" pos="0 0 .2"/><geom type="box" size=".05 .1 .02" pos=".3 0 .3"/></body></worldbody></mujoco>"""


@pytest.mark.parametrize(
    "inertia", ["", '<inertial pos=".3 .1 0" euler="10 50 30" mass="1" diaginertia="1 1 1.5"/>']
)
def test_all_rays_at_once_meet_what_each_ray_alone_does(inertia: str) -> None:
    """MuJoCo's own cull misses geoms of a turned body whose inertia has a frame of its own."""
    model = mujoco.MjModel.from_xml_string(INERTIA.format(inertia))
    data, rng, boxes = mujoco.MjData(model), np.random.default_rng(0), model.body_bvhadr.copy()
    position, axes, groups = np.array([-0.7, 0.2, 1.0]), np.eye(3), np.ones(6, np.uint8)
    rays = rng.normal([0.8, -0.2, -0.8], 0.25, (400, 3))
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    for angle in (0.0, 1.0, 3.0, -1.2):
        data.qpos[:] = angle
        mujoco.mj_forward(model, data)
        alone, normals = np.empty((400, 1), np.int32), np.empty((400, 3))
        for i, ray in enumerate(rays):
            mujoco.mj_ray(model, data, position, ray, groups, True, -1, alone[i], normals[i])
        geom, _, normal = find_lens(model, View((0.0, 0.0, 0.0), 1.0, 0.0, 0.0)).cast(
            model, data, position, axes, rays
        )
        assert len(set(geom.tolist())) >= 3
        np.testing.assert_array_equal(geom, alone[:, 0])
        np.testing.assert_allclose(normal[geom >= 0], normals[geom >= 0], atol=1e-9)
    np.testing.assert_array_equal(model.body_bvhadr, boxes)  # as it was
