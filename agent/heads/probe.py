"""The probe: from a latent to the position of what has to reach the goal. For pictures, and for
costs that speak of places; nothing is trained through it.

Shapes: N rows of data, D latent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.head import FrozenData, Head, MakeTrainer, Schedule, Sizes
from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.checks import at_least

ROWS = 1_000_000  # that it is fitted to, at most


@dataclass
class ProbeConfig:
    """Size and training of the probe, which shows where a latent is."""

    hidden: int = 128  # width of the hidden layers
    steps: int = 1500  # number of updates
    batch: int = 512  # transitions per update
    learning_rate: float = 2e-3  # initial learning rate of Adam, falling by a cosine

    def __post_init__(self) -> None:
        at_least(self, hidden=1, steps=1, batch=1)


class Probe(nn.Sequential, Head):
    """Latents `[*B, D]` -> positions `[*B, 3]` [m]."""

    name: ClassVar[str] = "probe"
    Config = ProbeConfig

    def __init__(self, latent: int, config: ProbeConfig) -> None:
        super().__init__(*mlp(latent, 3, config.hidden))
        self.config = config

    @classmethod
    def build(cls, sizes: Sizes, config: ProbeConfig) -> Probe:
        return cls(sizes.latent, config)

    @property
    def knows_places(self) -> bool:
        """Whether it was fitted: data of another library may not tell where anything was, and
        pictures then show no path.
        """
        last = self[-1]
        assert isinstance(last, nn.Linear)
        return bool(last.weight.any())

    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """Squared distance [m^2] to where the simulator states say that it was."""
        if not data.has("physics"):
            last = self[-1]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            return
        every = -(-len(data.z) // ROWS)
        z, points = data.z[::every], data.positions(every)
        for step in trainer(
            "probe", self, Schedule(self.config.steps, self.config.learning_rate, weight_decay=0.0)
        ):
            drawn = step.rng.integers(len(z), size=self.config.batch)
            rows = torch.as_tensor(ranks.own(drawn), device=z.device)
            step.minimise({"loss": (self(z[rows]) - points[rows]).square().sum(dim=-1).mean()})
