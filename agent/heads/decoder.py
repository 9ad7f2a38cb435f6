"""The decoder: from a latent to the picture that it stands for, fitted afterwards on frozen
latents, for people to look at. Off by default: nothing is trained through it, and what the model
does not imagine it cannot show.

Shapes: N rows of data, B batch, D latent, H and W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.head import FrozenData, Head, MakeTrainer, Schedule, Sizes
from latent_mpc.agent.models.decoders import PictureDecoder
from latent_mpc.configs.checks import at_least
from latent_mpc.configs.errors import LatentMPCError

FITTED = 1000  # pictures that the mean picture is taken from


@dataclass
class DecoderConfig:
    """Size and training of the decoder, which shows what a latent looks like."""

    steps: int = 0  # number of updates; 0 = no decoder
    width: int = 32  # channels of the last layers
    batch: int = 64  # pictures per update
    learning_rate: float = 1e-3  # initial learning rate of Adam, falling by a cosine

    def __post_init__(self) -> None:
        at_least(self, steps=0, width=1, batch=1)


class Decoder(Head):
    """Latents -> pictures."""

    name: ClassVar[str] = "decoder"
    Config = DecoderConfig
    config: DecoderConfig

    def __init__(self, sizes: Sizes, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.pictures = PictureDecoder(sizes.latent, sizes.shapes["pixels"], config.width)

    @classmethod
    def build(cls, sizes: Sizes, config: DecoderConfig) -> Decoder | None:
        """Raises ValueError where no pictures are seen."""
        if not config.steps:
            return None
        if "pixels" not in sizes.shapes:
            raise LatentMPCError(
                "decoder.steps needs pictures to decode to: give obs=pixels or obs=state+pixels, or"
                " decoder.steps=0"
            )
        return cls(sizes, config)

    def forward(self, z: Float[Tensor, "B D"]) -> UInt8[Tensor, "B H W C"]:
        return self.pictures(z)

    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """Squared error in units of the pictures' own variance."""
        z, config = data.z, self.config
        if not updates:
            some = np.linspace(0, len(z) - 1, min(FITTED, len(z))).astype(int)
            self.pictures.fit(torch.as_tensor(data.gather("pixels", some), device=z.device))
        for step in trainer(
            "decoder", self, Schedule(updates or config.steps, config.learning_rate)
        ):
            rows = ranks.own(step.rng.integers(len(z), size=config.batch))
            pictures = torch.as_tensor(data.gather("pixels", rows), device=z.device)
            step.minimise(
                {"loss": self.pictures.error(z[torch.as_tensor(rows, device=z.device)], pictures)}
            )
