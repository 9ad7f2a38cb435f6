"""From latents back to what was seen: for the family that is trained by it, and for people to look
at.

Shapes: B batch, D latent, S observed state, H and W pixels, C channels.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from latent_mpc.agent.models.networks import mlp


class StateDecoder(nn.Module):
    """Latents -> states, each number in standard deviations of the training data."""

    mean: Tensor
    std: Tensor

    def __init__(self, latent: int, shape: tuple[int, ...], hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))
        self.layers = mlp(latent, shape[0], hidden)

    def fit(self, states: Float[Tensor, "B S"]) -> None:
        """Take mean and standard deviation from data; a constant dimension is left unscaled."""
        self.mean.copy_(states.mean(dim=0))
        std = states.std(dim=0)
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def error(self, z: Float[Tensor, "B D"], states: Float[Tensor, "B S"]) -> Float[Tensor, ""]:
        """Mean squared error in standard deviations of the data."""
        return (self.layers(z) - (states - self.mean) / self.std).square().mean()


class PictureDecoder(nn.Module):
    """Latents -> pictures, as differences from the mean picture of the data: where nothing ever
    moves there is nothing to learn.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, latent: int, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        side, channels = shape[0] // 16, shape[2]
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(()))
        self.layers = nn.Sequential(
            nn.Linear(latent, 2 * width * side**2),
            nn.SiLU(),
            nn.Unflatten(1, (2 * width, side, side)),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.SiLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 16 * channels, 3, padding=1),
            nn.PixelShuffle(4),
        )
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def fit(self, pictures: UInt8[Tensor, "B H W C"]) -> None:
        """Take the mean picture of some, and how far they are from it."""
        values = pictures.float() / 255.0
        self.mean.copy_(values.mean(dim=0))
        self.scale.copy_((values - self.mean).square().mean().sqrt().clamp_min(1e-3))

    def error(
        self, z: Float[Tensor, "B D"], pictures: UInt8[Tensor, "B H W C"]
    ) -> Float[Tensor, ""]:
        """Mean squared error, in units of the pictures' mean squared difference from their mean."""
        target = (pictures.float() / 255.0 - self.mean) / self.scale
        return (self.layers(z).permute(0, 2, 3, 1).float() - target).square().mean()

    def forward(self, z: Float[Tensor, "B D"]) -> UInt8[Tensor, "B H W C"]:
        values = self.mean + self.scale * self.layers(z).permute(0, 2, 3, 1)
        return (255.0 * values).round().clamp(0, 255).to(torch.uint8)


def make_decoder(
    key: str, shape: tuple[int, ...], latent: int, hidden: int, width: int
) -> StateDecoder | PictureDecoder:
    """The decoder of an observation."""
    return (
        StateDecoder(latent, shape, hidden)
        if key == "state"
        else PictureDecoder(latent, shape, width)
    )
