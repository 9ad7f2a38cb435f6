"""The numbers on which success depends, so that the rest of a goal may be free: velocities,
commands of servos, fingers, what else is in the scene.

For a tool they are the positions of the joints that carry it, not its place: the way there is
straight in them, and a network knows them better than the sines and cosines that lead from joints
to places. On a Panda 100 % of goals were reached by the distance between them, 5 to 33 % by that
between places, 5 % by a cost learned for whole goals. It is the place itself where actions do not
move joint by joint, as those that drag a Fetch's gripper: which of the postures of a place comes is
not theirs to say. And of mobile robots, whose legs do not count.

A joint on whose axis the place lies, as a flange's, moves it nowhere: it is free.

Shapes: M states, n positions (`nq`), C numbers.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.joints import HINGE, SLIDE, joint_of_position, joint_trees
from latent_mpc.envs.adapters.places import BODY, SITE, Place
from latent_mpc.envs.adapters.roles import Roles
from latent_mpc.envs.adapters.success import Success

ON_AXIS = 0.3  # of a place's tolerance: as near to it lies on an axis
POSES = 16  # in which that is looked at


class Counted:
    """Which numbers they are, and what they are in given positions.

    Args:
        by_joints: whether each action moves an actuator of its own.
    """

    def __init__(self, success: Success, roles: Roles, by_joints: bool = True) -> None:
        self._success, model = success, success.model
        tree = joint_trees(model)
        mobile = {int(model.body_treeid[body]) for body in roles.bases}
        carried = set(success.coordinates.index.tolist())
        self.places = list[Place]()
        for place in success.places:
            joints = joints_that_matter(model, place)
            if by_joints and all(
                tree[j] not in mobile and model.jnt_type[j] >= SLIDE for j in joints
            ):
                carried |= {int(model.jnt_qposadr[j]) for j in joints}
            else:
                self.places.append(place)
        self.index = np.array(sorted(carried), int)
        joint = joint_of_position(model)[self.index]
        self.wraps = (model.jnt_type[joint] == HINGE) & (model.jnt_limited[joint] == 0)

    def __call__(self, qpos: np.ndarray) -> np.ndarray:
        """The numbers `[M, C]` of positions `[M, n]`; angles without limits as cosine and sine."""
        own = qpos[:, self.index]
        turning = own[:, self.wraps]
        parts = [own[:, ~self.wraps], np.cos(turning), np.sin(turning)]
        if self.places:
            each = (self._success.values(one, self.places) for one in qpos)
            parts.append(np.stack([np.concatenate(values) for values in each]))
        return np.concatenate(parts, axis=1)


def joints_that_matter(model: mujoco.MjModel, place: Place) -> list[int]:
    """Joints that carry a place but for hinges on whose axis it lies, whatever the pose; all of
    them if none is left.
    """
    joints, data = place.joints(model), mujoco.MjData(model)
    if place.kind not in (BODY, SITE):
        return joints
    rng, off_axis = np.random.default_rng(0), set[int]()
    hinges = [j for j in joints if model.jnt_type[j] == HINGE]
    limits = np.where(model.jnt_limited[:, None], model.jnt_range, [-np.pi, np.pi])
    for _ in range(POSES):
        data.qpos[model.jnt_qposadr[hinges]] = rng.uniform(*limits[hinges].T)
        mujoco.mj_kinematics(model, data)
        here = data.site_xpos if place.kind == SITE else data.xipos
        arms = here[place.number] - data.xanchor[hinges]
        away = np.linalg.norm(np.cross(data.xaxis[hinges], arms), axis=-1)
        off_axis |= set(np.array(hinges)[away > ON_AXIS * place.tolerance].tolist())
    return [j for j in joints if j in off_axis or j not in hinges] or joints
