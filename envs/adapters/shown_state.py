"""The observed state of a model: positions (unlimited hinges as cosine and sine), velocities,
actuators' own state, named sensors, commands of servos that actions change, places that count.

Markers are left out: `markers.py` says why.

Shapes: S observed state.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.bodies import sensor_numbers
from latent_mpc.envs.adapters.joints import HINGE, joint_names, joint_of_position, joint_trees
from latent_mpc.envs.adapters.lines import few
from latent_mpc.envs.adapters.markers import marker_trees
from latent_mpc.envs.adapters.success import Success


class ShownState:
    """Which numbers of a simulation are in it.

    Args:
        success: what counts is no marker, and its places are shown.
        incremented: actions that change a servo's command, bool `[A]`.
    """

    def __init__(self, model: mujoco.MjModel, success: Success, incremented: np.ndarray) -> None:
        owner, tree = joint_of_position(model), joint_trees(model)
        markers = list(marker_trees(model, set(tree[owner[success.positions]].tolist())))
        marked = np.isin(tree, markers)
        turning = (model.jnt_type == HINGE) & (model.jnt_limited == 0) & ~marked
        self._angles = model.jnt_qposadr[turning]
        self._plain = np.setdiff1d(np.flatnonzero(~marked[owner]), self._angles)
        self._dofs = np.flatnonzero(~np.isin(model.dof_treeid, markers))
        self._sensors = [
            i
            for s in range(model.nsensor)
            if model.sensor(s).name
            for i in sensor_numbers(model, s)
        ]
        self._commands, self._places = np.flatnonzero(incremented), success.places
        names = joint_names(model)
        self._left_out = [names[j] for j in np.flatnonzero(marked)]

    def __call__(self, data: mujoco.MjData) -> np.ndarray:
        """The state, float32 `[S]`, of `data` whose kinematics are up to date."""
        angles = data.qpos[self._angles]
        numbers = [
            np.cos(angles),
            np.sin(angles),
            data.qpos[self._plain],
            data.qvel[self._dofs],
            data.act,
            data.sensordata[self._sensors],
            data.ctrl[self._commands],
            *(place.value(data) for place in self._places),
        ]
        return np.concatenate(numbers).astype(np.float32)

    def about(self) -> list[str]:
        """A line where markers are left out; in pictures they are seen."""
        if not self._left_out:
            return []
        return [f"  left out of the state, as nothing moves or touches them: {few(self._left_out)}"]
