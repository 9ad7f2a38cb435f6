"""`model.encoder.pixels=conv`: a small convolutional net whose last feature maps are flattened.

Shapes: B batch, F frame embedding, H and W pixels, C channels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from latent_mpc.agent.models.encoders.encoder import Encoder
from latent_mpc.configs.errors import LatentMPCError


class PixelEncoder(Encoder):
    """4 x 4 patches first, since convolutions over three channels at full size are slow on a
    CPU.
    """

    key: ClassVar[str] = "pixels"
    name: ClassVar[str] = "conv"

    def __init__(self, shape: tuple[int, ...], config: Any) -> None:
        super().__init__(shape, config)
        require_square(shape)
        size, width = shape[0], config.width
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(16 * shape[2], width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * width * (size // 16) ** 2, config.embedding),
        )
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B F"]:
        return self.layers(as_planes(pixels))


def as_planes(pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B C H W"]:
    """In [-0.5, 0.5], as convolutions take them: rows of HWC bytes seen as CHW are already in their
    channels-last layout, no copy.
    """
    return pixels.permute(0, 3, 1, 2).float() / 255.0 - 0.5


def require_square(shape: tuple[int, ...]) -> None:
    """Raise ValueError unless pictures `[H, W, C]` are square with a side that is a multiple of
    16.
    """
    if shape[0] != shape[1] or shape[0] % 16:
        raise LatentMPCError(
            f"pixels must be square with a side that is a multiple of 16, got {shape}"
        )
