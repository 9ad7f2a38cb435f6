"""From a latent to the robot's whole pose, so that what was learned from states can be drawn. A
probe, fitted afterwards; nothing is trained through it, and only people look at it.

Shapes: N rows, D latent, nq positions, P numbers of a pose (`envs/adapters/poses.py`).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.heads.head import FrozenData, MakeTrainer
from latent_mpc.agent.heads.reader import Reader, ReaderConfig
from latent_mpc.envs.adapters.poses import Poses
from latent_mpc.envs.task import Task

CONFIG = ReaderConfig()


class Pose(nn.Module):
    """Latents `[N, D]` -> numbers of the pose `[N, P]`: a reader, in their own units."""

    mean: Tensor
    std: Tensor

    def __init__(self, latent: int, numbers: int) -> None:
        super().__init__()
        self.reader = Reader(latent, numbers, CONFIG)
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("std", torch.ones(numbers))

    def forward(self, z: Float[Tensor, "N D"]) -> Float[Tensor, "N P"]:
        return self.mean + self.std * self.reader(z)

    def fit(self, data: FrozenData, trainer: MakeTrainer) -> None:
        """As the reader is; `data.counted` gives the numbers."""
        numbers = data.counted(1).double()
        std = numbers.std(dim=0, correction=0)
        self.mean.copy_(numbers.mean(dim=0))
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))
        self.reader.fit(data, {}, trainer)


def pose_numbers(task: Task, states: np.ndarray) -> np.ndarray:
    """The numbers `[N, P]` of simulator states `[N, n]`."""
    return Poses(task.model).numbers(task.qpos_qvel(states)[0])
