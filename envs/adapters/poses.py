"""Positions of a model as numbers that can be read by a network, and back: without the jump of an
angle at a full turn or of a quaternion's sign.

Hinges are a cosine and a sine, slides as they are, the attitude of a ball or free joint the first
two columns of its rotation (Zhou et al. 2019).

Shapes: N rows, nq positions, P numbers.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.joints import BALL, FREE, HINGE, joint_kinds


class Poses:
    """Positions `[N, nq]` <-> numbers `[N, P]` of a model."""

    def __init__(self, model: mujoco.MjModel) -> None:
        kinds, first = joint_kinds(model), np.asarray(model.jnt_qposadr)
        self._nq = int(model.nq)
        self._angles = first[kinds == HINGE]
        self._attitudes = np.concatenate([first[kinds == BALL], first[kinds == FREE] + 3])
        turning = np.concatenate([self._angles, *(self._attitudes + i for i in range(4))])
        self._plain = np.setdiff1d(np.arange(self._nq), turning)

    def numbers(self, qpos: np.ndarray) -> np.ndarray:
        """Numbers of positions."""
        angles = qpos[:, self._angles]
        turns = [_rotation(qpos[:, at : at + 4])[..., :2].reshape(-1, 6) for at in self._attitudes]
        parts = [qpos[:, self._plain], np.cos(angles), np.sin(angles), *turns]
        return np.concatenate(parts, axis=1)

    def positions(self, numbers: np.ndarray) -> np.ndarray:
        """Positions nearest to numbers; hinges within half a turn of zero."""
        plain, hinges = len(self._plain), len(self._angles)
        qpos = np.zeros((len(numbers), self._nq))
        qpos[:, self._plain], rest = numbers[:, :plain], numbers[:, plain:]
        qpos[:, self._angles] = np.arctan2(rest[:, hinges : 2 * hinges], rest[:, :hinges])
        for at, turn in zip(
            self._attitudes,
            np.split(rest[:, 2 * hinges :], len(self._attitudes), axis=1)
            if len(self._attitudes)
            else [],
            strict=True,
        ):
            qpos[:, at : at + 4] = _quaternion(turn.reshape(-1, 3, 2))
        return qpos


def _rotation(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices `[N, 3, 3]` of quaternions `[N, 4]`."""
    matrices = np.empty((len(quaternions), 9))
    for quaternion, matrix in zip(quaternions, matrices, strict=True):
        mujoco.mju_quat2Mat(matrix, np.ascontiguousarray(quaternion, dtype=np.float64))
    return matrices.reshape(-1, 3, 3)


def _quaternion(columns: np.ndarray) -> np.ndarray:
    """Quaternions `[N, 4]` of the first two columns `[N, 3, 2]`, made orthonormal."""
    x = columns[..., 0] / np.maximum(np.linalg.norm(columns[..., 0], axis=-1, keepdims=True), 1e-9)
    y = columns[..., 1] - (columns[..., 1] * x).sum(axis=-1, keepdims=True) * x
    y /= np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-9)
    quaternions = np.empty((len(x), 4))
    for one, matrix in zip(quaternions, np.stack([x, y, np.cross(x, y)], axis=-1), strict=True):
        mujoco.mju_mat2Quat(one, np.ascontiguousarray(matrix).ravel())
    return quaternions
