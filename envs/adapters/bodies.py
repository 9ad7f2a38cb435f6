"""What a model says of its bodies: which move, which are followed in pictures, which stand
aside.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.coordinates import (
    FREE,
    Coordinates,
    joint_of_position,
)
from latent_mpc.envs.adapters.driven import driven_joints, joint_kinds
from latent_mpc.envs.adapters.feasible import linked_trees
from latent_mpc.envs.cameras.ray import geom_rgba


def bystanders(model: mujoco.MjModel, counting_positions: np.ndarray) -> np.ndarray:
    """Positions bool `[nq]` of the kinematic trees that hold none of those that count and are tied
    to none that does.
    """
    owner = joint_of_position(model)
    tree = model.dof_treeid[model.jnt_dofadr]
    counting = linked_trees(model, set(tree[owner[counting_positions]].tolist()))
    return ~np.isin(tree[owner], list(counting))


def tracked_body(model: mujoco.MjModel, coordinates: Coordinates) -> int:
    """The first free body among the coordinates' joints, or the body that most of them move."""
    joints = set(joint_of_position(model)[coordinates.index].tolist())
    for joint in sorted(joints):
        if int(model.jnt_type[joint]) == FREE:
            return int(model.jnt_bodyid[joint])
    moved = np.zeros(model.nbody, int)
    for body in range(1, model.nbody):  # parents come first
        own = range(model.body_jntadr[body], model.body_jntadr[body] + model.body_jntnum[body])
        moved[body] = moved[model.body_parentid[body]] + len(joints.intersection(own))
    return int(np.flatnonzero(moved == moved.max())[-1])


def moving_bodies(model: mujoco.MjModel) -> np.ndarray:
    """Bodies that actuators or mocap bodies move or that are free, bool `[nbody]`; all that are not
    fixed if there is none.
    """
    joints = driven_joints(model) | set(np.flatnonzero(joint_kinds(model) == FREE).tolist())
    trees = {int(model.dof_treeid[model.jnt_dofadr[j]]) for j in joints}
    moving = np.isin(model.body_treeid, list(trees)) & (model.body_treeid >= 0)
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
