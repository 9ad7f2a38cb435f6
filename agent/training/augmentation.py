"""Pictures moved a little at random, so that training does not see the same ones again and again
(DrQ, Yarats et al. 2021).

Shapes: B windows, T frames, H and W pixels, C channels.
"""

from __future__ import annotations

import torch
from jaxtyping import UInt8
from torch import Tensor

from latent_mpc.agent import ranks


def shift(
    pixels: UInt8[Tensor, "B T H W C"], most: int, generator: torch.Generator
) -> UInt8[Tensor, "B T H W C"]:
    """Each window moved by up to `most` pixels up or down and left or right, all its frames alike;
    the edge is repeated.
    """
    window = torch.arange(len(pixels), device=pixels.device)
    batch = ranks.count() * len(pixels)
    moves = torch.randint(-most, most + 1, (2, batch, 1), generator=generator, device=pixels.device)
    down, right = ranks.own(moves, dim=1)
    # (B, H)
    rows = (torch.arange(pixels.shape[2], device=pixels.device) + down).clamp(
        0, pixels.shape[2] - 1
    )
    # (B, W)
    columns = (torch.arange(pixels.shape[3], device=pixels.device) + right).clamp(
        0, pixels.shape[3] - 1
    )
    frames = torch.arange(pixels.shape[1], device=pixels.device)
    return pixels[
        window[:, None, None, None],
        frames[:, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
