"""`cost.constraints=[keep_out:X:Y:RADIUS]`: an upright cylinder that what has to reach the goal
must stay out of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latent_mpc.agent.costs.terms import Constraint, Imagined, Networks
from latent_mpc.configs.errors import LatentMPCError


@dataclass
class KeepOut(Constraint):
    """Violated by the depth to which probed positions reach in, the deepest of all steps [m]."""

    name: ClassVar[str] = "keep_out"
    x: float  # of its axis [m]
    y: float
    radius: float  # [m]

    def __post_init__(self) -> None:
        if self.radius <= 0:
            raise LatentMPCError(f"keep_out must have a radius above 0, got {self.radius}")

    def bind(self, networks: Networks) -> Callable[[Imagined], Float[Tensor, "B N 1"]]:
        places = networks.places("the constraint keep_out")

        def depth(imagined: Imagined) -> Float[Tensor, "B N 1"]:
            aside = places(imagined.z)[..., :2] - imagined.z.new_tensor([self.x, self.y])
            return (self.radius - torch.linalg.vector_norm(aside, dim=-1)).amax(
                dim=-1, keepdim=True
            )

        return depth

    def violated(self, points: Float[np.ndarray, "*T 3"]) -> Bool[np.ndarray, "*T"]:
        return np.linalg.norm(points[..., :2] - [self.x, self.y], axis=-1) < self.radius
