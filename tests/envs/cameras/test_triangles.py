"""Meshes in the ray camera's pictures: MuJoCo's own rays are the oracle, mesh for mesh."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.cameras import triangles
from latent_mpc.envs.cameras.ray import BACKGROUND, RayCamera
from tests.envs.cameras.shapes import FINS, NEEDLE, SHEET, mesh, torus

BOX = (
    [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)],
    [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)]
    + [(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)],
)
CHAIN = f"""<mujoco>
  <asset>{mesh("ring", *torus())}{mesh("box", *BOX)}{mesh("floor", *BOX, scale=20)}</asset>
  <worldbody>
    <camera name="fixed" pos="0.3 -1.6 1.2" xyaxes="1 0.1 0 -0.05 0.6 0.8" fovy="50"/>
    <camera name="inside" pos="0 0 0.3" xyaxes="1 0 0 0 0.3 1" fovy="90"/>
    <camera name="flat" mode="fixed" pos="0 0 3" fovy="2" projection="orthographic"/>
    <geom type="mesh" mesh="floor" pos="0 0 -20.2" rgba="0.2 0.3 0.2 1"/>
    <geom type="sphere" size="0.2" pos="-0.4 0.3 0.2" rgba="0.5 0.6 0.7 1"/>
    <geom type="mesh" mesh="ring" pos="0.6 0.6 0.2" rgba="0.5 0.6 0.7 1"/>
    <body pos="0 0 0.3">
      <joint type="ball"/>
      <geom type="mesh" mesh="ring" rgba="1 0.5 0 1"/>
      <geom type="capsule" fromto="0.2 0 0 0.7 0 0.1" size="0.03" rgba="0 0.5 1 1"/>
      <body pos="0.5 0 0">
        <joint type="ball"/>
        <geom type="mesh" mesh="ring" euler="90 0 0" rgba="1 0 0 1"/>
        <camera name="carried" pos="0 0 1" fovy="80"/>
      </body>
    </body>
  </worldbody>
</mujoco>"""


def chain(seed: int = 0) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """Two linked rings that turn, beside things that stand."""
    model = mujoco.MjModel.from_xml_string(CHAIN)
    data = mujoco.MjData(model)
    turn(model, data, seed)
    return model, data


def turn(model: mujoco.MjModel, data: mujoco.MjData, seed: int) -> None:
    data.qpos[:] = np.random.default_rng(seed).normal(size=model.nq)
    mujoco.mj_forward(model, data)


def mujocos_own(model: mujoco.MjModel, view: str, size: int = 64) -> RayCamera:
    """A camera whose rays MuJoCo casts at the meshes as they are."""
    eye = RayCamera(model, view, size)
    assert eye._triangles is not None
    eye._unseen = np.setdiff1d(eye._unseen, eye._triangles.geoms)
    eye._triangles = None
    return eye


def changed(a: np.ndarray, b: np.ndarray, by: int = 16) -> float:
    """Share of pixels that differ by more, of 255."""
    return float((np.abs(a.astype(int) - b).max(axis=-1) > by).mean())


@pytest.mark.parametrize("view", ["fixed", "inside", "carried"])
@pytest.mark.parametrize("size", [64, 30])
def test_unsimplified_meshes_are_seen_as_mujocos_rays_see_them(view, size, monkeypatch):
    monkeypatch.setattr(triangles, "decimate", lambda vertices, faces, cell: (vertices, faces))
    model, data = chain()
    eye, oracle = RayCamera(model, view, size), mujocos_own(model, view, size)
    for seed in range(4):
        turn(model, data, seed)
        np.testing.assert_array_equal(eye.geoms(data), oracle.geoms(data))
        np.testing.assert_allclose(eye.render(data), oracle.render(data), atol=1)


@pytest.mark.parametrize("view", ["fixed", "carried"])
def test_simplified_meshes_look_much_as_they_are(view):
    model, data = chain()
    eye, oracle = RayCamera(model, view), mujocos_own(model, view)
    for seed in range(4):
        turn(model, data, seed)
        exact = oracle.render(data)
        assert changed(eye.render(data), exact) < 0.02
        moved = oracle.geoms(data)
        assert (model.geom_bodyid[moved[moved >= 0]] > 0).sum() > 200  # the rings are large


def test_what_is_behind_a_ring_is_seen_through_its_hole():
    model, data = chain()
    data.qpos[:] = [1, 0, 0, 0] * 2
    mujoco.mj_forward(model, data)
    eye = RayCamera(model, "view:0:0:0.3:2:90:-90")
    column, row = (eye.project(data, np.array([0.0, 0.0, 0.3])) * 64).astype(int)
    assert eye.geoms(data)[row, column] == 0
    assert eye.geoms(data)[row, column - 9] == 3


def test_in_parts_the_picture_is_the_same(monkeypatch):
    model, data = chain()
    whole = RayCamera(model, "inside").render(data)
    monkeypatch.setattr(triangles, "BLOCK", 50)
    np.testing.assert_array_equal(RayCamera(model, "inside").render(data), whole)


@pytest.mark.parametrize("view", ["fixed", "inside", "carried"])
def test_a_state_has_one_picture_in_every_model_and_order(view):
    model, data = chain()
    eye, pictures = RayCamera(model, view), []
    for seed in (0, 1, 0):
        turn(model, data, seed)
        pictures.append(eye.render(data))
    np.testing.assert_array_equal(pictures[0], pictures[2])
    assert (pictures[0] != pictures[1]).any()
    for seed in range(2):
        np.testing.assert_array_equal(
            RayCamera(*chain()[:1], view).render(chain(seed)[1]), pictures[seed]
        )


def test_cells_do_not_follow_a_model_that_differs_by_rounding():
    model, data = chain()
    before = RayCamera(model, "fixed").render(data)
    model.geom_pos[1:3] *= 1 + 1e-13
    mujoco.mj_forward(model, data)
    assert changed(RayCamera(model, "fixed").render(data), before, by=1) < 0.002


def test_no_triangles_without_meshes_nor_in_an_orthographic_camera():
    plain = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><camera name="a"/><geom size="1"/></worldbody></mujoco>'
    )
    assert RayCamera(plain, "a")._triangles is None
    model, data = chain()
    eye = RayCamera(model, "flat", 16)
    assert eye._triangles is None
    assert {0, 3} <= set(eye.geoms(data).ravel().tolist())


@pytest.mark.parametrize("shape", [SHEET, FINS, NEEDLE, BOX])
@pytest.mark.parametrize("scale", [1e-4, 1.0])
def test_a_flat_tiny_or_open_mesh_is_seen(shape, scale):
    """From a distance of its own size, whichever way it is turned."""
    model = mujoco.MjModel.from_xml_string(
        f"""<mujoco><asset>{mesh("odd", *shape, scale=scale)}</asset><worldbody><body>
        <joint type="ball"/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>
        <geom type="mesh" mesh="odd" contype="0" conaffinity="0"
        rgba="1 1 1 1"/></body></worldbody></mujoco>"""
    )
    data = mujoco.MjData(model)
    eye = RayCamera(model, f"view:0:0:0:{3 * scale:g}:30:-40")
    for seed in range(3):
        turn(model, data, seed)
        picture = eye.render(data)
        assert (picture > 60).any()
        assert (picture == np.round(BACKGROUND * 255)).any()
