"""Forces from outside, for a moment.

Shapes: n simulator state.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from latent_mpc.envs.simulator_state import integration_state, set_integration_state
from latent_mpc.envs.task import Task


@dataclass
class Push:
    """A force on a body."""

    body: int
    force: np.ndarray  # (3,) [N] in the world
    left: float  # [s] of the robot

    def into(self, task: Task, state: np.ndarray) -> np.ndarray:
        """The simulator state `[n]` with the force in it."""
        return with_force(task, state, self.body, self.force)

    def out_of(self, task: Task, state: np.ndarray) -> np.ndarray:
        """The simulator state `[n]` without it."""
        return with_force(task, state, self.body, np.zeros(3))


def with_force(task: Task, state: np.ndarray, body: int, force: np.ndarray) -> np.ndarray:
    """A simulator state in which a force `[3]` [N] acts on a body."""
    data = mujoco.MjData(task.model)
    set_integration_state(task.model, data, state)
    data.xfrc_applied[body, :3] = force
    return integration_state(task.model, data)
