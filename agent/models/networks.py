"""Encoders, predictors and small heads: plain `nn.Module`s that know nothing of planning or of MuJoCo.

Shapes: B batch, S observed state, E frame embedding, H and W pixels.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn


def mlp(inputs: int, outputs: int, hidden: int, layers: int = 2, dropout: float = 0.0) -> nn.Sequential:
    """`layers` hidden layers of Linear, LayerNorm, SiLU (and dropout), then a Linear."""
    parts: list[nn.Module] = []
    for width in [inputs] + [hidden] * (layers - 1):
        parts += [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.SiLU()]
        if dropout:
            parts.append(nn.Dropout(dropout))
    return nn.Sequential(*parts, nn.Linear(hidden, outputs))


class StateEncoder(nn.Module):
    """Normalised state vector -> embedding. `mean` and `std` are those of the training data, so a checkpoint carries them.

    Args:
        octaves: each number of the state also enters as sines and cosines of that many frequencies, from pi up, each twice the last
            (Tancik et al. 2020). A plain network is slow to learn what changes over a small part of its range, such as a thin wall.
    """

    def __init__(self, states: int, embedding: int, hidden: int, octaves: int = 0) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.zeros(states))
        self.register_buffer("std", torch.ones(states))
        self.octaves = octaves
        self.layers = mlp(states * (1 + 2 * octaves), embedding, hidden)

    def fit(self, states: Float[Tensor, "B S"]) -> None:
        """Take mean and standard deviation from training data; a constant dimension is left unscaled."""
        self.mean.copy_(states.mean(dim=0))
        std = states.std(dim=0)
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def forward(self, state: Float[Tensor, "B S"]) -> Float[Tensor, "B E"]:
        state = (state - self.mean) / self.std
        if self.octaves:
            phase = (state[..., None] * (math.pi * 2.0 ** torch.arange(self.octaves, device=state.device))).flatten(-2)
            state = torch.cat([state, phase.sin(), phase.cos()], dim=-1)
        return self.layers(state)


class PixelEncoder(nn.Module):
    """Small convolutional net: 4 x 4 patches first, since convolutions over three channels at full size are slow on a CPU."""

    def __init__(self, size: int, channels: int, embedding: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(16 * channels, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * width * (size // 16) ** 2, embedding),
        )
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B E"]:
        # Rows of HWC bytes seen as CHW are already in the channels-last layout that the convolutions want: no copy.
        return self.layers(pixels.permute(0, 3, 1, 2).float() / 255.0 - 0.5)
