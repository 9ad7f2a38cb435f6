"""Where each thing that moves is, and a crop of it: in scenes in which bodies move over a
background that does not.

The background and the colours of what moves are taken from the data, nobody names them. Every pixel
is shared out among these colours and the background; a slot is one colour, its place the centroid
of its share, its crop its share of the pixels about that place. An orientation is a hard function
of a whole picture and an easy one of such a crop.

Two bodies of one colour are one slot; a camera that moves has no background.

Shapes: B batch, N pixels that moved, H and W pixels, C channels, K slots, P pixels of a crop's
side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import conv2d, grid_sample, threshold

SLOTS = 4  # K; colours beyond the first four are left to the background
SIDE = 24  # P of pictures of 64 x 64, which is a body of a third of the picture
MOVED = 0.25  # distance of a pixel's colour from the background's from which something is there
ALIKE = 0.2  # [rad] root mean square angle between a slot's pixels and its colour
LEAST = 0.02  # of the pixels that moved: what fewer have is no body
FULL = 0.9  # quantile of a colour's pixels, below which they are thought to be edges
FAINT = 0.15  # share of a pixel that is taken for none
SAMPLED = 20_000  # pixels that colours are found from
LLOYD = 20  # steps of k-means


class Seen(NamedTuple):
    """What the slots of B pictures hold."""

    place: Float[Tensor, "B K 2"]  # in [-1, 1] from the upper left corner; the middle if nowhere
    size: Float[Tensor, "B K"]  # share of the picture
    crop: Float[Tensor, "B K P*P"]


class Slots(nn.Module):
    """Nothing in it is trained; `fit` takes background and colours from pictures."""

    background: Tensor
    unmix: Tensor
    places: Tensor
    offsets: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        size, channels = shape[0], shape[2]
        self.register_buffer("background", torch.zeros(size, size, channels))
        # (C, K) what of a pixel's difference from the background is which colour's
        self.register_buffer("unmix", torch.zeros(channels, SLOTS))
        along = torch.linspace(-1, 1, size)
        places = torch.stack(torch.meshgrid(along, along, indexing="xy"), dim=-1)
        self.register_buffer("places", places.view(-1, 2), persistent=False)
        self.side = SIDE * size // 64
        around = torch.linspace(-1, 1, self.side) * (self.side - 1) / (size - 1)
        offsets = torch.stack(torch.meshgrid(around, around, indexing="xy"), dim=-1)
        self.register_buffer("offsets", offsets, persistent=False)

    def fit(self, pictures: UInt8[Tensor, "N H W C"]) -> None:
        """Find background and colours in N pictures of many episodes."""
        shown = pictures.float() / 255.0
        self.background.copy_(shown.median(dim=0).values)
        change = (shown - self.background).flatten(0, 2)
        moved = change[change.norm(dim=-1) > MOVED]
        self.unmix.zero_()
        if len(moved):
            colours = find_colours(moved[:: -(-len(moved) // SAMPLED)])
            self.unmix[:, : len(colours)] = torch.linalg.pinv(colours)

    @torch.no_grad()
    def masks(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B K H W"]:
        """Each slot's share of each pixel."""
        planes, unmix = pixels.permute(0, 3, 1, 2).float() / 255.0, self.unmix.T
        still = (self.background @ self.unmix).permute(2, 0, 1)
        shares = (conv2d(planes, unmix[:, :, None, None]) - still).clamp_(0.0, 1.0)
        return threshold(shares, FAINT, 0.0)

    @torch.no_grad()
    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Seen:
        masks = self.masks(pixels)
        flat = masks.flatten(2)
        size = flat.sum(dim=-1)
        place = flat @ self.places / size.clamp_min(1.0)[..., None]
        grid = (place[:, :, None, None] + self.offsets).flatten(0, 1)
        crops = grid_sample(masks.flatten(0, 1)[:, None], grid, align_corners=True)
        return Seen(place, size / flat.shape[-1], crops.view(*size.shape, -1))


def find_colours(change: Float[Tensor, "N C"]) -> Float[Tensor, "K C"]:
    """The fewest colours, as differences from the background, of which every pixel has one or a
    share of one: k-means of directions, as a pixel on an edge is a mixture with the background.
    """
    length = change.norm(dim=1)
    unit = change / length[:, None]
    for count in range(1, SLOTS + 1):
        axes = unit[length.argmax()][None]
        for _ in range(count - 1):  # farthest first
            axes = torch.cat([axes, unit[(unit @ axes.T).amax(dim=1).argmin()][None]])
        for _ in range(LLOYD):
            nearest = (unit @ axes.T).argmax(dim=1)
            sums = torch.stack([unit[nearest == k].sum(dim=0) for k in range(count)])
            axes = torch.where(sums.norm(dim=1, keepdim=True) > 0, sums, axes)
            axes = axes / axes.norm(dim=1, keepdim=True)
        cosine, nearest = (unit @ axes.T).max(dim=1)
        if torch.arccos(cosine.clamp(-1, 1)).square().mean().sqrt() <= ALIKE:
            break
    return torch.stack(
        [
            axes[k] * torch.quantile(length[nearest == k], FULL)
            for k in range(count)
            if (nearest == k).float().mean() >= LEAST
        ]
    )
