"""The reader: from a latent to the numbers on which success depends, so that a goal may be asked
for in part. What a linear map reads is read by it exactly; the rest by a small network on top.

Shapes: N rows of data, D latent, C numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.heads.head import FrozenData, Head, MakeTrainer, Schedule, Sizes
from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.checks import at_least

LINEAR = 1e-4  # mean squared error, of standardised numbers, below which no network is needed
ROWS = 200_000  # that it is fitted to, at most


@dataclass
class ReaderConfig:
    """Size and training of the reader of what counts."""

    hidden: int = 256  # width of the hidden layers
    steps: int = 3000  # number of updates
    batch: int = 512  # transitions per update
    learning_rate: float = 2e-3  # initial learning rate of Adam, falling by a cosine

    def __post_init__(self) -> None:
        at_least(self, hidden=1, steps=1, batch=1)


class Reader(Head):
    """Latents `[*B, D]` -> what counts `[*B, C]`, each number standardised by the data."""

    name: ClassVar[str] = "reader"
    Config = ReaderConfig
    config: ReaderConfig

    def __init__(self, latent: int, counted: int, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(latent, counted)
        self.rest = mlp(latent, counted, config.hidden, zero_last=True)

    @classmethod
    def build(cls, sizes: Sizes, config: ReaderConfig) -> Reader | None:
        return cls(sizes.latent, sizes.counted, config) if sizes.counted else None

    @property
    def knows(self) -> bool:
        """Whether it was fitted: data of another library may not tell what counted."""
        return bool(self.linear.weight.any())

    def forward(self, z: Float[Tensor, "*B D"]) -> Float[Tensor, "*B C"]:
        return self.linear(z) + self.rest(z)

    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """Least squares, then, where they leave something, the network on what they leave."""
        if not data.has("physics"):
            nn.init.zeros_(self.linear.weight)
            return
        every = -(-len(data.z) // ROWS)
        z, numbers = data.z[::every], data.counted(every)
        std = numbers.std(dim=0)
        target = (numbers - numbers.mean(dim=0)) / torch.where(std > 1e-6, std, 1.0)
        with torch.no_grad():
            weights = least_squares(z, target)
            self.linear.weight.copy_(weights[:-1].T)
            self.linear.bias.copy_(weights[-1])
            left = target - self.linear(z)
        if left.square().mean() < LINEAR:
            return
        schedule = Schedule(self.config.steps, self.config.learning_rate, weight_decay=0.0)
        for step in trainer("reader", self.rest, schedule):
            rows = torch.as_tensor(
                step.rng.integers(len(z), size=self.config.batch), device=z.device
            )
            step.minimise({"loss": (self.rest(z[rows]) - left[rows]).square().mean()})


def least_squares(z: Float[Tensor, "N D"], target: Float[Tensor, "N C"]) -> Float[Tensor, "D1 C"]:
    """The map with the least squared error, its offset last; a ridge of 1e-6 decides where the data
    do not.
    """
    x = torch.cat([z, z.new_ones(len(z), 1)], dim=1).double()
    square = x.T @ x / len(x) + 1e-6 * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return torch.linalg.solve(square, x.T @ target.double() / len(x)).to(z.dtype)
