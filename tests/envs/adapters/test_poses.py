"""Positions as numbers, and back."""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.poses import Poses

ALL_JOINTS = """<mujoco><worldbody>
<body><joint type="slide"/><joint type="hinge"/><geom size=".1"/><body><joint type="ball"/><geom size=".1"/></body></body>
<body><freejoint/><geom size=".1"/></body><body><freejoint/><geom size=".1"/></body></worldbody></mujoco>"""


def test_positions_of_every_kind_of_joint_come_back() -> None:
    model, rng = mujoco.MjModel.from_xml_string(ALL_JOINTS), np.random.default_rng(0)
    qpos = rng.uniform(-2, 2, (20, model.nq))
    for one in qpos:
        mujoco.mj_normalizeQuat(model, one)
    poses = Poses(model)
    back = poses.positions(poses.numbers(qpos))
    for at in (2, 9, 16):  # a quaternion and its opposite are one attitude
        turn = slice(at, at + 4)
        back[:, turn] *= np.sign((back[:, turn] * qpos[:, turn]).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(back, qpos, atol=1e-9)


def test_numbers_do_not_jump_where_angles_and_signs_do() -> None:
    model = mujoco.MjModel.from_xml_string(ALL_JOINTS)
    qpos = np.zeros((2, model.nq))
    qpos[:, 1] = [np.pi - 1e-6, -np.pi + 1e-6]
    qpos[0, [2, 9, 16]], qpos[1, [2, 9, 16]] = 1, -1
    one, other = Poses(model).numbers(qpos)
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_model_of_slides_alone_has_its_positions() -> None:
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body><joint type="slide"/><geom size=".1"/></body></worldbody></mujoco>'
    )
    np.testing.assert_array_equal(Poses(model).positions(np.array([[0.3]])), [[0.3]])
