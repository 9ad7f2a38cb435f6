"""What a model says of its bodies: which move, which are followed in pictures, which stand
aside.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.coordinates import Coordinates
from latent_mpc.envs.adapters.driven import driven_joints
from latent_mpc.envs.adapters.feasible import linked_trees
from latent_mpc.envs.adapters.joints import (
    FREE,
    joint_kinds,
    joint_of_position,
    joint_trees,
    joints_of,
)
from latent_mpc.envs.cameras.ray import geom_rgba


def bystanders(model: mujoco.MjModel, counting_positions: np.ndarray) -> np.ndarray:
    """Positions bool `[nq]` of the kinematic trees that hold none of those that count and are tied
    to none that does.
    """
    tree = joint_trees(model)[joint_of_position(model)]
    counting = linked_trees(model, set(tree[counting_positions].tolist()))
    return ~np.isin(tree, list(counting))


def tracked_body(model: mujoco.MjModel, coordinates: Coordinates) -> int:
    """The first free body among the coordinates' joints, or the body that most of them move."""
    joints = set(joint_of_position(model)[coordinates.index].tolist())
    for joint in sorted(joints):
        if int(model.jnt_type[joint]) == FREE:
            return int(model.jnt_bodyid[joint])
    moved = np.zeros(model.nbody, int)
    for body in range(1, model.nbody):  # parents come first
        moved[body] = moved[model.body_parentid[body]] + len(joints & joints_of(model, body))
    return int(np.flatnonzero(moved == moved.max())[-1])


def moving_bodies(model: mujoco.MjModel) -> np.ndarray:
    """Bodies that actuators or mocap bodies move or that are free, bool `[nbody]`; all that are not
    fixed if there is none.
    """
    joints = driven_joints(model) | set(np.flatnonzero(joint_kinds(model) == FREE).tolist())
    moving = np.isin(model.body_treeid, joint_trees(model)[sorted(joints)])
    return moving if moving.any() else model.body_weldid != 0


def show_invisible(model: mujoco.MjModel) -> None:
    """Make bodies that move and consist of transparent geoms opaque: some environments draw a site
    instead, which rays do not meet.
    """
    alpha = geom_rgba(model)[:, 3]
    for body in np.flatnonzero(moving_bodies(model)):
        geoms = np.flatnonzero(model.geom_bodyid == body)
        if len(geoms) and not alpha[geoms].any():
            # a material may be transparent, too
            model.geom_rgba[geoms, 3], model.geom_matid[geoms] = 1.0, -1


def sensor_numbers(model: mujoco.MjModel, sensor: int) -> range:
    """Where a sensor's numbers stand among those of all."""
    return range(model.sensor_adr[sensor], model.sensor_adr[sensor] + model.sensor_dim[sensor])
