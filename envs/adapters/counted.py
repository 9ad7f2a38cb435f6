"""The numbers on which success depends, so that the rest of a goal may be free: velocities,
commands of servos, fingers, what else is in the scene.

For a tool they are the positions of the joints that carry it, not its place: the way there is
straight in them, and a network knows them better than the sines and cosines that lead from joints
to places. On a Panda 100 % of goals were reached by the distance between them, 5 to 33 % by that
between places, 5 % by a cost learned for whole goals. A base's legs do not count, so of mobile
robots it is the place itself.

Shapes: M states, n positions (`nq`), C numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from latent_mpc.envs.adapters.coordinates import Coordinates
from latent_mpc.envs.adapters.joints import HINGE, SLIDE, joint_of_position, tree_of
from latent_mpc.envs.adapters.places import Place
from latent_mpc.envs.adapters.roles import Roles


class Counted:
    """Which numbers they are, and what they are in given positions."""

    def __init__(
        self, model: mujoco.MjModel, roles: Roles, coordinates: Coordinates, places: Sequence[Place]
    ) -> None:
        self.model, self._data = model, mujoco.MjData(model)
        mobile = {int(model.body_treeid[body]) for body in roles.bases}
        carried = set(coordinates.index.tolist())
        self.places = list[Place]()
        for place in places:
            joints = place.joints(model)
            if all(tree_of(model, j) not in mobile and model.jnt_type[j] >= SLIDE for j in joints):
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
            parts.append(np.stack([self._values(one) for one in qpos]))
        return np.concatenate(parts, axis=1)

    def _values(self, qpos: np.ndarray) -> np.ndarray:
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self.model, self._data)
        return np.concatenate([place.value(self._data) for place in self.places])
