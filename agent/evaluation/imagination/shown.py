"""How latents are shown to people: decoded into pictures, or as the robot drawn in the pose that a
probe reads. Apart from any command: whoever holds a latent can show it.

Shapes: N latents or states, D latent, n simulator state, H and W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import mujoco
import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent.evaluation.imagination.pose import Pose
from latent_mpc.agent.heads.decoder import Decoder
from latent_mpc.envs.adapters.poses import Poses
from latent_mpc.envs.cameras.gl import Camera
from latent_mpc.envs.task import Task

TOGETHER = 256  # latents that are decoded at a time


class Shown(Protocol):
    """Pictures of what is imagined, and of what is, by one camera: uint8 `[N, H, W, 3]`."""

    def imagined(self, z: Tensor) -> np.ndarray:
        """Pictures of latents `[N, D]`."""

    def true(self, states: np.ndarray) -> np.ndarray:
        """Pictures of simulator states `[N, n]`."""


@dataclass
class Decoded:
    """Latents as the decoder shows them.

    Args:
        camera: whose pictures the decoder was fitted to.
    """

    decoder: Decoder
    task: Task
    camera: Camera

    @torch.no_grad()
    def imagined(self, z: Tensor) -> np.ndarray:
        """Of several cameras the first one's."""
        pictures = [self.decoder(some)[..., :3].cpu().numpy() for some in z.split(TOGETHER)]
        return np.concatenate(pictures)

    def true(self, states: np.ndarray) -> np.ndarray:
        """As the camera takes them."""
        return take_pictures(self.task, self.camera, states)


@dataclass
class Drawn:
    """The robot, drawn where the probe reads that it is."""

    pose: Pose
    task: Task
    camera: Camera

    @torch.no_grad()
    def imagined(self, z: Tensor) -> np.ndarray:
        """By the same camera."""
        numbers = self.pose(z).double().cpu().numpy()
        data, pictures = mujoco.MjData(self.task.model), []
        for qpos in Poses(self.task.model).positions(numbers):
            data.qpos[:] = qpos
            mujoco.mj_forward(self.task.model, data)
            pictures.append(self.camera.render(data))
        return np.stack(pictures)

    def true(self, states: np.ndarray) -> np.ndarray:
        """As the camera takes them."""
        return take_pictures(self.task, self.camera, states)


def take_pictures(task: Task, camera: Camera, states: np.ndarray) -> np.ndarray:
    """Pictures of simulator states `[N, n]`; the task is left at the last of them."""
    pictures = []
    for state in states:
        task.restore(state)
        pictures.append(camera.render(task.data))
    return np.stack(pictures)
