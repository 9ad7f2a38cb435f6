"""`model.encoder.pixels=slots`: where each thing that moves is, and what it looks like there.

Pictures of a scene in which bodies move over a background that does not: the background and the
colours of what moves are taken from the data, nobody names them. Every pixel is shared out among
these colours and the background; a slot is one colour, its place the centroid of its share, and
what it looks like a crop of its share about that place, read by a small network that prediction
trains. An orientation is a hard function of a whole picture and an easy one of such a crop.

Two bodies of one colour are one slot; a camera that moves has no background.

Shapes: B batch, N pictures, F frame embedding, H and W pixels, C channels, K slots, P pixels of a
crop's side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import conv2d, grid_sample, threshold

from latent_mpc.agent.models.encoders.conv import require_square
from latent_mpc.agent.models.encoders.encoder import Encoder
from latent_mpc.agent.models.networks import mlp

SLOTS = 4  # K; colours beyond the first four are left to the background
SIDE = 24  # P of pictures of 64 x 64, which is a body of a third of the picture
LOOK = 16  # numbers that a crop is told by
MOVED = 0.25  # distance of a pixel's colour from the background's from which something is there
ALIKE = 0.2  # [rad] root mean square angle between a slot's pixels and its colour
LEAST = 0.02  # of the pixels that moved: what fewer have is no body
FULL = 0.9  # quantile of a colour's pixels, below which they are thought to be edges
FAINT = 0.15  # share of a pixel that is taken for none
SAMPLED = 20_000  # pixels that colours are found from
LLOYD = 20  # steps of k-means


class SlotsEncoder(Encoder):
    """Per slot its place, its share of the picture, and LOOK numbers of its crop."""

    key: ClassVar[str] = "pixels"
    name: ClassVar[str] = "slots"
    background: Tensor
    unmix: Tensor
    places: Tensor
    offsets: Tensor

    def __init__(self, shape: tuple[int, ...], config: Any) -> None:
        super().__init__(shape, config)
        require_square(shape)
        size, channels = shape[0], shape[2]
        self.register_buffer("background", torch.zeros(size, size, channels))
        # (C, K) what of a pixel's difference from the background is which colour's
        self.register_buffer("unmix", torch.zeros(channels, SLOTS))
        along = torch.linspace(-1, 1, size)
        places = torch.stack(torch.meshgrid(along, along, indexing="xy"), dim=-1)
        self.register_buffer("places", places.view(-1, 2), persistent=False)
        side = SIDE * size // 64
        around = torch.linspace(-1, 1, side) * (side - 1) / (size - 1)
        offsets = torch.stack(torch.meshgrid(around, around, indexing="xy"), dim=-1)
        self.register_buffer("offsets", offsets, persistent=False)
        self.look = mlp(side**2, LOOK, config.hidden // 2)
        self.layers = nn.Linear(SLOTS * (3 + LOOK), config.embedding)

    def fit(self, sample: Callable[[], Tensor]) -> None:
        pictures = sample().float() / 255.0
        self.background.copy_(pictures.median(dim=0).values)
        change = (pictures - self.background).flatten(0, 2)
        moved = change[change.norm(dim=-1) > MOVED]
        self.unmix.zero_()
        if len(moved):
            colours = find_colours(moved[:: -(-len(moved) // SAMPLED)])
            self.unmix[:, : len(colours)] = torch.linalg.pinv(colours)

    @torch.no_grad()
    def slots(
        self, pixels: UInt8[Tensor, "B H W C"]
    ) -> tuple[Float[Tensor, "B K H W"], Float[Tensor, "B K 2"], Float[Tensor, "B K"]]:
        """Each slot's share of each pixel; its place in [-1, 1] from the upper left corner, the
        middle where it is nowhere; and its share of the picture.
        """
        planes, unmix = pixels.permute(0, 3, 1, 2).float() / 255.0, self.unmix.T
        masks = conv2d(planes, unmix[:, :, None, None]) - (self.background @ self.unmix).permute(
            2, 0, 1
        )
        masks = threshold(masks.clamp_(0.0, 1.0), FAINT, 0.0)
        flat = masks.flatten(2)
        size = flat.sum(dim=-1)
        place = flat @ self.places / size.clamp_min(1.0)[..., None]
        return masks, place, size / flat.shape[-1]

    def crops(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B K P*P"]:
        """Each slot's share of the pixels about its place."""
        masks, place, _ = self.slots(pixels)
        return self._cut(masks, place)

    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B F"]:
        masks, place, size = self.slots(pixels)
        looks = self.look(self._cut(masks, place))
        seen = torch.cat([place, 10 * size[..., None], looks], dim=-1)
        return self.layers(seen.flatten(1))

    def _cut(
        self, masks: Float[Tensor, "B K H W"], place: Float[Tensor, "B K 2"]
    ) -> Float[Tensor, "B K P*P"]:
        grid = (place[:, :, None, None] + self.offsets).flatten(0, 1)
        crops = grid_sample(masks.flatten(0, 1)[:, None], grid, align_corners=True)
        return crops.view(*place.shape[:2], -1)


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
