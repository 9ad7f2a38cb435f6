"""Markers: bodies that stand for a place and are no part of the physics.

They are constant in an episode and others in the next: in a state they keep the episodes of a data
set apart. Gymnasium's Reacher reached 3 goals of 100 with its target in the state, 40 of 40
without.

Shapes: n positions (`nq`), nv degrees of freedom.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.driven import driven_trees
from latent_mpc.envs.adapters.feasible import linked_trees
from latent_mpc.envs.adapters.joints import joint_trees

STILL = 1e-9  # [rad/s^2, m/s^2] acceleration of what no force acts on


def marker_trees(model: mujoco.MjModel, counting: set[int]) -> set[int]:
    """Kinematic trees that nothing moves: no actuator, no constraint, no force at rest, and no geom
    that can touch another.

    Args:
        counting: trees that are none, whatever moves them: those of coordinates that have to come
            to the goal.
    """
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    forced = np.abs(data.qfrc_bias - data.qfrc_passive) > STILL
    touching = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    moved = driven_trees(model) | set(model.dof_treeid[forced].tolist())
    # pairs may touch though their masks say otherwise
    touching[model.pair_geom1] = touching[model.pair_geom2] = True
    moved |= set(model.body_treeid[model.geom_bodyid[touching]].tolist())
    spring = set(joint_trees(model)[model.jnt_stiffness != 0].tolist())
    return set(range(model.ntree)) - linked_trees(model, moved | spring | counting)
