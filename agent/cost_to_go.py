"""A learned distance between latents: how many model steps the robot needs from one to the other, as far as its data tell.

Raw latent distance leads into dead ends (a wall, a joint limit). This network is trained on frozen latents of random rollouts, without
reward: expectile regression of n-step temporal differences (Kostrikov et al. 2022, IQL) towards goals taken from later in the same
episode (hindsight) and from other episodes. Its form is a quasimetric (MRN, Liu et al. 2023): zero for equal latents, never negative,
obeying the triangle inequality, different there and back.

Shapes: B batch, D latent, M metric embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.networks import mlp


@dataclass
class CostToGoConfig:
    """Size and training of the learned cost-to-go."""

    hidden: int = 256  # width of its hidden layers
    metric: int = 64  # width of the embeddings between which it measures
    steps: int = 6000  # updates
    batch: int = 512  # pairs of latent and goal in an update
    learning_rate: float = 1e-3  # of Adam, falling to a tenth by a cosine
    expectile: float = 0.03  # below 0.5: leans to the shortest of the ways seen; 0.1 and 5 steps left local minima near the goal
    n_step: int = 1  # real steps before the target network is asked, random ones, which lengthen the way [model steps]
    hindsight: float = 0.5  # share of goals from later in the same episode
    clamp: float = 150.0  # largest target [model steps]
    target_rate: float = 0.01  # of the moving average that gives targets

    def __post_init__(self) -> None:
        for name in ("hidden", "metric", "steps", "batch", "n_step"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("expectile", "target_rate"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not 0 <= self.hindsight <= 1:
            raise ValueError(f"hindsight must lie in [0, 1], got {self.hindsight}")
        if self.learning_rate <= 0 or self.clamp <= 0:
            raise ValueError(f"learning_rate and clamp must be positive, got {self.learning_rate} and {self.clamp}")


class CostToGo(nn.Module):
    """d(z, goal) in model steps: Euclidean distance of one embedding plus the largest rise of another, `max relu(a(z) - a(goal))`."""

    def __init__(self, latent: int, config: CostToGoConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = mlp(latent, 2 * config.metric, config.hidden)
        self.scale = 10.0  # [model steps] typical distance, so that the network's outputs are of order one

    def embed(self, z: Float[Tensor, "*B D"]) -> Float[Tensor, "*B M2"]:
        """Both embeddings side by side. A goal's is computed once and compared with many."""
        return self.layers(z)

    def between(self, start: Float[Tensor, "*#B M2"], goal: Float[Tensor, "*#B M2"]) -> Float[Tensor, "*#B"]:
        """Distance [model steps] between embedded latents."""
        there, back = (start - goal).chunk(2, dim=-1)
        symmetric = (there.square().sum(dim=-1) + 1e-8).sqrt()  # the gradient of a root at zero is infinite
        return self.scale * (symmetric / there.shape[-1] ** 0.5 + back.relu().amax(dim=-1))

    def forward(self, z: Float[Tensor, "*B D"], goal: Float[Tensor, "*B D"]) -> Float[Tensor, "*B"]:
        return self.between(self.embed(z), self.embed(goal))


def expectile_loss(predicted: Float[Tensor, " B"], target: Float[Tensor, " B"], expectile: float) -> Float[Tensor, ""]:
    """Asymmetric squared error (Newey & Powell 1987): with a small expectile, targets below the prediction weigh most."""
    error = target - predicted
    weight = torch.where(error > 0, expectile, 1.0 - expectile)
    return (weight * error.square()).mean()
