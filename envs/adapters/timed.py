"""Which joints the time scale follows: those of the robot, whatever has to come to the goal.

Success may lie in what is rarely touched, a cube, whose fall at the reset says nothing of how fast
an arm reaches it.
"""

from __future__ import annotations

import mujoco

from latent_mpc.envs.adapters.coordinates import HINGE, SLIDE, default_joints
from latent_mpc.envs.adapters.feasible import led_trees


def timed_joints(model: mujoco.MjModel) -> list[int]:
    """Hinges and slides of what mocap bodies pull, as Gymnasium-Robotics' Fetch is driven; else
    what actuators move, and free joints.
    """
    led = led_trees(model)
    pulled = [
        j
        for j in range(model.njnt)
        if int(model.dof_treeid[model.jnt_dofadr[j]]) in led
        and int(model.jnt_type[j]) in (HINGE, SLIDE)
    ]
    return pulled or default_joints(model)
