"""Robots that are there to balance: the pose in which the model stands on its head is their goal.

Goals at rest of a cart with a pole hang. Where a hinge that nothing drives, or not strongly enough
to lift what hangs on it, is upright in the model's own pose and gravity tips it over from there, a
person means that pose.
"""

from __future__ import annotations

import mujoco

from latent_mpc.envs.adapters.joints import HINGE, SLIDE, joint_names, joint_trees
from latent_mpc.envs.adapters.keyframes import home_pose
from latent_mpc.envs.adapters.roles import Roles
from latent_mpc.envs.adapters.sizes import weighs
from latent_mpc.envs.adapters.swings import swing_time

LEAN = 0.1  # [rad] from which gravity must go on tipping it over, to either side
STEADY = 0.1  # of its push there: as much of it at most where the model stands


def balanced_goal(model: mujoco.MjModel, roles: Roles) -> list[str]:
    """`JOINT=VALUE` of these joints, as of `task.goals`."""
    pose, names = home_pose(model), joint_names(model)
    return [
        f"{names[j]}={float(pose[model.jnt_qposadr[j]])!r}" for j in balanced_joints(model, roles)
    ]


def balanced_joints(model: mujoco.MjModel, roles: Roles) -> list[int]:
    """All hinges and slides of the robot; none where nothing is to be balanced."""
    if roles.bases or len(roles.objects) == 1 or not weighs(model):
        return []
    loose = [*roles.passive, *(j for j in roles.driven if swing_time(model, [j]) > 0)]
    upright = [j for j in loose if int(model.jnt_type[j]) == HINGE and _tips(model, j)]
    trees = set(joint_trees(model)[upright].tolist())
    return [
        j
        for j in range(model.njnt)
        if int(model.jnt_type[j]) in (HINGE, SLIDE) and joint_trees(model)[j] in trees
    ]


def _tips(model: mujoco.MjModel, joint: int) -> bool:
    """Whether gravity and springs leave a hinge where the model stands, and push it on from LEAN to
    either side.
    """
    data, dof = mujoco.MjData(model), int(model.jnt_dofadr[joint])
    push = []
    for lean in (-LEAN, 0.0, LEAN):
        data.qpos[:] = home_pose(model)
        data.qpos[model.jnt_qposadr[joint]] += lean
        mujoco.mj_forward(model, data)
        push.append(float(data.qfrc_passive[dof] - data.qfrc_bias[dof]))
    back, still, on = push
    return back < 0 < on and abs(still) <= STEADY * min(-back, on)
