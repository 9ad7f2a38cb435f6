"""`model.encoder.pixels=slots`: where each thing that moves is, and what it looks like there, read
by a small network that prediction trains.

Shapes: B batch, F frame embedding, H and W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from latent_mpc.agent.models.encoders.conv import require_square
from latent_mpc.agent.models.encoders.encoder import Encoder
from latent_mpc.agent.models.networks import mlp
from latent_mpc.agent.models.slots import SLOTS, Slots

LOOK = 16  # numbers that a crop is told by


class SlotsEncoder(Encoder):
    """Per slot its place, its share of the picture, and LOOK numbers of its crop."""

    key: ClassVar[str] = "pixels"
    name: ClassVar[str] = "slots"

    def __init__(self, shape: tuple[int, ...], config: Any) -> None:
        super().__init__(shape, config)
        require_square(shape)
        self.slots = Slots(shape)
        self.look = mlp(self.slots.side**2, LOOK, config.hidden // 2)
        self.layers = nn.Linear(SLOTS * (3 + LOOK), config.embedding)

    def fit(self, sample: Callable[[], Tensor]) -> None:
        self.slots.fit(sample())

    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B F"]:
        place, size, crop = self.slots(pixels)
        seen = torch.cat([place, 10 * size[..., None], self.look(crop)], dim=-1)
        return self.layers(seen.flatten(1))
