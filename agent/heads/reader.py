"""The reader: from a latent to the numbers on which success depends, standardised. Costs that want
the goal in part measure between what it reads of the imagined and of the goal.

Where latents hold these numbers as they are, as `model=identity` does, they are read linearly, in
closed form. Elsewhere a network is trained on what is left over, and imagined latents are read
beside encoded ones: a latent of pictures has directions that hardly vary, and what least squares
reads of these imagination does not keep (docs/log.md).

Shapes: N rows of data, D latent, C numbers on which success depends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.head import FrozenData, Head, MakeTrainer, Schedule, Sizes
from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.checks import at_least

ROWS = 1_000_000  # that it is fitted to, at most
CHUNK = 65_536  # rows that are read in float64 at a time
RIDGE = 1e-6  # for numbers of the latent that are constant or say the same
LINEAR = 1e-4  # mean squared residual, of standardised numbers, up to which no network is trained


@dataclass
class ReaderConfig:
    """Size and training of the reader, which tells what counts of a latent."""

    hidden: int = 256  # width of the hidden layers
    steps: int = 3000  # number of updates, where reading is not linear
    batch: int = 512  # latents per update
    learning_rate: float = 2e-3  # initial learning rate of Adam, falling by a cosine

    def __post_init__(self) -> None:
        at_least(self, hidden=1, steps=1, batch=1)


class Reader(Head):
    """Latents `[*B, D]` -> the numbers that count, standardised by the data `[*B, C]`."""

    name: ClassVar[str] = "reader"
    Config = ReaderConfig
    config: ReaderConfig

    def __init__(self, latent: int, counted: int, config: ReaderConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(latent, counted)
        self.mlp = mlp(latent, counted, config.hidden, zero_last=True)

    @classmethod
    def build(cls, sizes: Sizes, config: ReaderConfig) -> Reader | None:
        """None where the whole state counts."""
        return cls(sizes.latent, sizes.counted, config) if sizes.counted else None

    @property
    def knows(self) -> bool:
        """False once its data, of another library, did not tell what counts."""
        return bool(self.linear.weight.any() or self._last.weight.any())

    def forward(self, z: Float[Tensor, "*B D"]) -> Float[Tensor, "*B C"]:
        return self.linear(z) + self.mlp(z)

    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """Least squares, then a network on what is left over, where that is worth it."""
        self._forget()
        if not data.has("physics"):
            return
        every = -(-len(data.z) // ROWS)
        z, numbers = data.z[::every], standardised(data.counted(every))
        if (left := self._fit_linear(z, numbers)).square().mean() <= LINEAR:
            return
        if (imagined := data.imagined(every)) is not None:
            z, numbers = torch.cat([z, imagined]), torch.cat([numbers, numbers])
            left = self._fit_linear(z, numbers)
        schedule = Schedule(self.config.steps, self.config.learning_rate, weight_decay=0.0)
        for step in trainer("reader", self.mlp, schedule):
            drawn = step.rng.integers(len(z), size=self.config.batch)
            rows = torch.as_tensor(ranks.own(drawn), device=z.device)
            step.minimise({"loss": (self.mlp(z[rows]) - left[rows]).square().sum(dim=-1).mean()})

    @torch.no_grad()
    def _fit_linear(
        self, z: Float[Tensor, "N D"], numbers: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N C"]:
        """By least squares; what is left over."""
        weight, bias = least_squares(z, numbers)
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)
        return numbers - self.linear(z)

    @property
    def _last(self) -> nn.Linear:
        last = self.mlp[-1]
        assert isinstance(last, nn.Linear)
        return last

    def _forget(self) -> None:
        for layer in (self.linear, self._last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


def standardised(numbers: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
    """By their mean and standard deviation; a constant number is left unscaled."""
    std = numbers.double().std(dim=0, correction=0)
    mean = numbers.double().mean(dim=0)
    return ((numbers - mean) / torch.where(std > 1e-6, std, torch.ones_like(std))).float()


def least_squares(
    z: Float[Tensor, "N D"], numbers: Float[Tensor, "N C"]
) -> tuple[Float[Tensor, "C D"], Float[Tensor, " C"]]:
    """Weight and bias, float64, that read the numbers best; the ridge leaves the bias alone."""
    middle, mean = z.double().mean(dim=0), numbers.double().mean(dim=0)
    gram = RIDGE * len(z) * torch.eye(z.shape[1], dtype=torch.float64, device=z.device)
    along = torch.zeros(z.shape[1], numbers.shape[1], dtype=torch.float64, device=z.device)
    for some, read in zip(z.split(CHUNK), numbers.split(CHUNK), strict=True):
        centred = some.double() - middle
        gram += centred.T @ centred
        along += centred.T @ (read.double() - mean)
    weight = torch.linalg.solve(gram, along).T
    return weight, mean - weight @ middle
