"""Joints: their names, and which positions, bodies and trees are theirs."""

from __future__ import annotations

import mujoco

from latent_mpc.envs.adapters.joints import (
    first_body,
    joint_names,
    joint_of_position,
    joint_trees,
    joints_above,
    joints_of,
)
from tests.envs.adapters.robots import CUBE, arm, model_of


def test_names_made_up_for_joints_are_nobodys() -> None:
    xml = """<mujoco><worldbody><body><freejoint/><geom size=".1"/><body><joint name="joint0"/><geom size=".1"/>
    <body><joint name="joint3"/><geom size=".1"/><body><joint/><geom size=".1"/><body><joint/><geom size=".1"/>
    </body></body></body></body></body></worldbody></mujoco>"""
    assert joint_names(mujoco.MjModel.from_xml_string(xml)) == [
        "joint0_",
        "joint0",
        "joint3",
        "joint3_",
        "joint4",
    ]


def test_positions_and_trees_of_an_arm_beside_a_cube_are_counted_by_hand() -> None:
    model = model_of(CUBE.format("cube", 1) + arm(), "a b")
    assert joint_of_position(model).tolist() == [0] * 7 + [1, 2]
    assert joint_trees(model).tolist() == [0, 1, 1]
    cube, upper, fore = 1, 2, 3
    assert (first_body(model, 0), first_body(model, 1)) == (cube, upper)
    assert [joints_of(model, body) for body in (cube, upper, fore)] == [{0}, {1}, {2}]
    assert [joints_above(model, body) for body in (0, cube, fore)] == [set(), {0}, {1, 2}]
