"""The ray camera: where things are in the picture, and how it changes when they move a little."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.cameras import ray
from latent_mpc.envs.cameras.ray import BACKGROUND, RayCamera, geom_rgba
from latent_mpc.envs.simulator_state import set_integration_state

BALL = """<mujoco>
  <worldbody>
    <camera name="above" pos="0 0 4" xyaxes="1 0 0 0 1 0" fovy="40"/>
    <camera name="aside" pos="2 -3 2" xyaxes="0.83 0.55 0 -0.27 0.40 0.87" fovy="40"/>
    <body>
      <joint type="slide" axis="1 0 0"/>
      <joint type="slide" axis="0 1 0"/>
      <geom type="sphere" size="0.15" rgba="1 0 0 1"/>
    </body>
  </worldbody>
</mujoco>"""


def scene(x: float = 0.0, y: float = 0.0) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """A red ball of radius 0.15 m at (x, y, 0) and nothing else."""
    model = mujoco.MjModel.from_xml_string(BALL)
    data = mujoco.MjData(model)
    data.qpos[:] = x, y
    mujoco.mj_forward(model, data)
    return model, data


def middle_of_red(picture: np.ndarray) -> np.ndarray:
    """The weighted middle `[2]` (x, y) of what is redder than the background, as shares of width
    and height.
    """
    red = np.maximum(picture[..., 0].astype(float) - np.round(BACKGROUND[0] * 255), 0.0)
    at = (np.arange(len(picture)) + 0.5) / len(picture)
    return np.array([(red.sum(axis=0) * at).sum(), (red.sum(axis=1) * at).sum()]) / red.sum()


@pytest.mark.parametrize("view", ["above", "aside"])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.2), (-0.6, 0.7), (0.3, -0.9)])
def test_the_projection_is_where_the_balls_pixels_are(view, place):
    model, data = scene(*place)
    eye = RayCamera(model, view, 64)
    expected = eye.project(data, np.array([*place, 0.0]))
    # the light falls from one side
    np.testing.assert_allclose(middle_of_red(eye.render(data)), expected, atol=0.5 / 64 + 0.005)


def test_projection_by_hand_right_is_right_and_up_is_up():
    model, data = scene()
    eye = RayCamera(model, "above", 64)
    half = 4 * np.tan(np.deg2rad(20))  # [m] half the picture at 4 m
    points = np.array([[0, 0, 0], [half, 0, 0], [0, half, 0], [-half / 2, -half / 2, 0]])
    np.testing.assert_allclose(
        eye.project(data, points), [[0.5, 0.5], [1, 0.5], [0.5, 0], [0.25, 0.75]], atol=1e-9
    )


def test_a_ball_is_as_wide_as_geometry_says():
    model, data = scene()
    picture = RayCamera(model, "above", 256).render(data)
    width = (picture[128, :, 0] > 60).sum()
    # the tangent cone from 4 m
    expected = 256 * 0.15 / np.sqrt(4**2 - 0.15**2) / np.tan(np.deg2rad(20))
    assert width == pytest.approx(expected, abs=1.5)


def test_a_picture_shifts_smoothly_under_a_move_of_a_tenth_of_a_pixel():
    pixel = 2 * 4 * np.tan(np.deg2rad(20)) / 64  # [m]
    smooth, coarse = [], []
    for tenth in range(11):
        model, data = scene(x=tenth * pixel / 10)
        smooth.append(middle_of_red(RayCamera(model, "above", 64).render(data))[0] * 64)
        coarse.append(
            middle_of_red(RayCamera(model, "above", 64, supersample=1).render(data))[0] * 64
        )
    error = np.abs(np.array(smooth) - smooth[0] - np.arange(11) / 10).max()
    assert error < 0.04  # [pixels]
    assert error < 0.7 * np.abs(np.array(coarse) - coarse[0] - np.arange(11) / 10).max()


def test_no_pixel_jumps_under_a_move_of_a_tenth_of_a_pixel():
    pixel = 2 * 4 * np.tan(np.deg2rad(20)) / 64
    pictures = [
        RayCamera(*scene(x=tenth * pixel / 10)[:1], "above", 64)
        .render(scene(x=tenth * pixel / 10)[1])
        .astype(int)
        for tenth in range(11)
    ]
    jumps = [
        np.abs(after - before).max()
        for before, after in zip(pictures[:-1], pictures[1:], strict=True)
    ]
    assert min(jumps) > 0, "a move was not seen"
    # of 255; without supersampling a rim pixel goes from the background's 26 to the ball's at once
    assert max(jumps) < 80


def test_tracing_the_rims_only_is_nearly_tracing_every_pixel_finely(monkeypatch):
    model, data = scene(0.31, 0.12)
    eye = RayCamera(model, "above", 64)
    rims = eye.render(data).astype(int)
    monkeypatch.setattr(ray, "_edges", lambda geom: np.ones(geom.shape, bool))
    assert np.abs(rims - eye.render(data)).max() < 25  # of 255


def test_the_same_state_gives_the_same_bytes_from_another_camera_object():
    pictures = set()
    for _ in range(2):
        model, data = scene(0.3, 0.1)
        eye = RayCamera(model, "above", 64)
        pictures |= {eye.render(data).tobytes(), eye.render(data).tobytes()}
    assert len(pictures) == 1


def test_a_picture_does_not_depend_on_what_was_rendered_before():
    model, data = scene(0.3, 0.1)
    eye = RayCamera(model, "above", 32)
    before = eye.render(data)
    data.qpos[:] = -0.5, -0.5
    mujoco.mj_forward(model, data)
    assert (eye.render(data) != before).any()
    data.qpos[:] = 0.3, 0.1
    mujoco.mj_forward(model, data)
    np.testing.assert_array_equal(eye.render(data), before)


def cast_anew(eye: RayCamera, data: mujoco.MjData) -> np.ndarray:
    """The picture of a camera that remembers nothing: every ray is cast at every geom."""
    for grid in (eye._coarse, eye._fine):
        grid.forget()
    return eye.render(data)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "supersample", "states"), [(64, 4, 40), (448, 2, 4)])
@pytest.mark.parametrize("name", sorted(registry.TASKS))
def test_rays_cast_once_give_the_bytes_of_casting_all(name, size, supersample, states):
    """Two data of one model in turn, as `Task.observation` swaps them."""
    task, rng = registry.make(name), np.random.default_rng(0)
    eye, plain = (RayCamera(task.model, "observer", size, supersample) for _ in range(2))
    for _ in range(states):
        for data in (task.data, task._scratch):
            set_integration_state(task.model, data, task.draw_state(rng))
            np.testing.assert_array_equal(eye.render(data), cast_anew(plain, data))


def test_rays_are_cast_only_near_the_ball():
    task = registry.make("pointmaze-umaze", obs=("pixels",))
    eye, cast = task.camera, []
    whole = eye._cast
    eye._cast = lambda data, rays, mask: cast.append(rays.size // 3) or whole(data, rays, mask)
    for _ in range(3):
        cast.append(-1)
        eye.render(task.data)
    first, second, third = (
        sum(part) for part in np.split(np.array(cast), np.flatnonzero(np.array(cast) < 0))[1:]
    )
    assert second == third
    assert 0 < second < first / 5


MOVABLE = """<mujoco>
  <worldbody>
    <camera name="inside" pos="0.1 0 0.6" fovy="120"/>
    <camera name="fixed" pos="0.3 -2 3" xyaxes="1 0.1 0 -0.05 0.83 0.55" fovy="50"/>
    <geom type="plane" size="2 2 0.1" rgba="0.2 0.3 0.2 1"/>
    <geom type="box" size="0.3 0.2 0.3" pos="-0.4 0.5 0.3" rgba="0.5 0.6 0.7 1"/>
    <body name="mocap" mocap="true" pos="0.8 0.8 0.5"><geom type="{shape}" size="0.2 0.2 0.2" rgba="0 1 1 1"/></body>
    <body pos="0 0 0.4">
      <joint type="slide" axis="1 0 0"/>
      <joint type="slide" axis="0 1 0"/>
      <joint type="hinge" axis="0 1 1"/>
      <geom type="capsule" size="0.004 0.5" rgba="1 0.5 0 1"/>
      <geom type="sphere" size="0.1" pos="0 0 0.3" rgba="1 0 0 1"/>
      <camera name="carried" pos="0 0 3" fovy="40"/>
    </body>
  </worldbody>
</mujoco>"""


@pytest.mark.parametrize("shape", ["box", "plane"])  # a plane has no bounding sphere
# inside the needle's bounding sphere
@pytest.mark.parametrize("view", ["fixed", "inside", "carried"])
@pytest.mark.parametrize("moved", ["joints", "mocap", "model", "camera"])
def test_whatever_moves_is_seen_to_move(shape, view, moved):
    """Joints, a mocap body, a camera that is carried or put elsewhere: a needle thinner than a
    pixel among fixed things.
    """
    model = mujoco.MjModel.from_xml_string(MOVABLE.format(shape=shape))
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    eye, plain, seen = RayCamera(model, view), RayCamera(model, view), set()
    for _ in range(8):
        if moved == "joints":
            data.qpos[:] = rng.uniform([-0.4, -0.4, -3], [0.4, 0.4, 3])
        elif moved == "mocap":
            # a plane shows over the floor or not
            data.mocap_pos[:] = rng.uniform([-1, -1, -0.2], [1, 1, 0.2])
        elif moved == "camera":
            model.cam_quat[:] += rng.uniform(-0.1, 0.1, (3, 4))
        else:
            model.cam_pos[:] += rng.uniform(-0.1, 0.1, (3, 3))
            model.geom_pos[1] += rng.uniform(-0.1, 0.1, 3)
        mujoco.mj_forward(model, data)
        picture = eye.render(data)
        np.testing.assert_array_equal(picture, cast_anew(plain, data))
        seen.add(picture.tobytes())
    assert len(seen) > 1 or (view, moved) == ("inside", "mocap")


def test_spheres_in_other_spheres_are_left_out():
    """Two equal ones, one inside that touches, one that looks out, one beside."""
    centres = np.array([[0, 0, 0], [0, 0, 0], [0.5, 0, 0], [0.6, 0, 0], [3, 0, 0]], float)
    kept, radius = ray._outer_spheres(centres, np.array([1, 1, 0.5, 0.5, 0.2]))
    assert sorted(zip(kept[:, 0], radius, strict=True)) == [(0, 1), (0.6, 0.5), (3, 0.2)]


def test_where_nothing_is_the_background_is():
    model, data = scene(50.0, 0.0)
    picture = RayCamera(model, "above", 16).render(data)
    assert (picture == np.round(BACKGROUND * 255).astype(np.uint8)).all()


def test_an_unknown_camera_is_answered_with_the_valid_ones():
    with pytest.raises(KeyError, match="no camera 'below' in the model; there are: above, aside"):
        RayCamera(scene()[0], "below")
    with pytest.raises(
        KeyError, match="no camera 'behind' in the model; there are: observer, side"
    ):
        registry.make("pointmaze-umaze", camera="behind")


@pytest.mark.parametrize("name", sorted(registry.TASKS))
def test_a_tasks_picture_has_something_at_the_tracked_point(name):
    """What is to reach the goal is drawn where `tracked_point` says, and nothing hides it."""
    task, rng = registry.make(name, obs=("pixels",)), np.random.default_rng(0)
    bodies = {"reacher": "forearm", "pointmaze": "ball", "tabletop": "object"}
    body = bodies[name.partition("-")[0]]
    colour = task.model.geom(body).rgba[:3]
    for _ in range(20):
        state = task.draw_state(rng)
        task.restore(state)
        column, row = (task.camera.project(task.data, task.tracked_point(state)) * 64).astype(int)
        pixel = task.render()[row, column] / 255
        assert np.argmax(pixel) == np.argmax(colour)
        assert pixel @ colour / np.linalg.norm(pixel) / np.linalg.norm(colour) > 0.97


def test_a_texture_counts_by_its_average_and_a_colour_of_its_own_is_multiplied() -> None:
    model = mujoco.MjModel.from_xml_string("""<mujoco><asset>
      <texture name="flat" type="2d" builtin="flat" rgb1=".2 .4 .6" width="8" height="8"/>
      <texture name="checks" type="cube" builtin="checker" rgb1="0 0 0" rgb2="1 1 1" width="8" height="8"/>
      <material name="flat" texture="flat" rgba="1 .5 1 1"/><material name="checks" texture="checks"/>
      <material name="plain" rgba=".1 .2 .3 1"/></asset>
      <worldbody><geom size="1" material="flat"/><geom size="1" material="checks"/>
      <geom size="1" material="plain"/><geom size="1" rgba="1 0 0 1"/></worldbody></mujoco>""")
    expected = [[0.2, 0.2, 0.6, 1], [0.5, 0.5, 0.5, 1], [0.1, 0.2, 0.3, 1], [1, 0, 0, 1]]
    np.testing.assert_allclose(geom_rgba(model), np.array(expected), atol=0.01)
