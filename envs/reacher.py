"""Reacher: a two-link torque-driven arm in the plane has to come to a given pose of its joints.

The shoulder turns freely; the elbow has a limit, so the way that looks nearest, through the folded
elbow, is closed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from latent_mpc.envs.task import Task

ASSET = Path(__file__).parent / "assets" / "reacher.xml"
TOLERANCE = 0.05  # [rad] of each joint
# Of shoulder and elbow. Measured with the other joint swinging freely, at 21 elbow angles
# (tests/envs/test_reacher.py): a joint at 1 rad/s coasts 0.27 s in the median (0.34 straight, 0.30
# at 1 rad, 0.16 folded) and 0.40 s. 0.35 for the elbow: one-step greedy control then takes 15.6
# control steps, at 0.40 it takes 16.9 (mean of 16 pairs), as the joints pull on one another. Full
# torque drives the joints at up to 5.1 and 4.5 rad/s, the elbow until its limit stops it.
COAST = np.array([0.27, 0.35])  # [s] how far a joint at 1 rad/s coasts
TOP_SPEED = np.array([5.0, 5.0])  # [rad/s] torque over damping


class Reacher(Task):
    """State: cos and sin of the shoulder, elbow angle [rad], both velocities [rad/s]. Distance:
    between fingertips [m].
    """

    name = "reacher"
    unit = "m"
    control_period = 0.1
    episode_steps = 60

    def __init__(self, **options: Any) -> None:
        super().__init__(mujoco.MjModel.from_xml_path(str(ASSET)), **options)
        self._links = np.array([0.15, 0.15])  # [m]

    def draw_state(self, rng: np.random.Generator) -> np.ndarray:
        low, high = self.model.jnt_range[1]
        return self.rest_state(np.array([rng.uniform(-np.pi, np.pi), rng.uniform(low, high)]))

    def state_vector(self) -> np.ndarray:
        shoulder, elbow = self.data.qpos
        return np.array(
            [np.cos(shoulder), np.sin(shoulder), elbow, *self.data.qvel], dtype=np.float32
        )

    def distance(self, state: np.ndarray, goal: np.ndarray) -> float:
        return float(np.linalg.norm(self.tracked_point(state) - self.tracked_point(goal)))

    def reached(self, state: np.ndarray, goal: np.ndarray) -> bool:
        return bool((np.abs(self._joint_errors(state, goal)) <= TOLERANCE).all())

    def steps_to_go(self, states: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """The slower joint's time at top speed to where it has to stop, given how far it coasts
        from its present velocity.
        """
        _, velocity = self.qpos_qvel(states)
        coasting = self._joint_errors(states, goal) - velocity * COAST
        seconds = np.abs(coasting) / TOP_SPEED + np.abs(velocity) / TOP_SPEED * COAST
        return (seconds.max(axis=-1) + 0.1 * seconds.sum(axis=-1)) / self.control_period

    def tracked_point(self, state: np.ndarray) -> np.ndarray:
        qpos, _ = self.qpos_qvel(state)
        angles = np.cumsum(qpos, axis=-1)
        x, y = (np.cos(angles) @ self._links), (np.sin(angles) @ self._links)
        return np.stack([x, y, np.full_like(x, 0.03)], axis=-1)

    def _joint_errors(self, state: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Goal minus state `[..., 2]` [rad]; the shoulder wraps, the elbow does not."""
        error = self.qpos_qvel(goal)[0] - self.qpos_qvel(state)[0]
        shoulder = (error[..., :1] + np.pi) % (2 * np.pi) - np.pi
        return np.concatenate([shoulder, error[..., 1:]], axis=-1)
