"""`model.encoder.pixels=spatial`: features that keep where they are: of each feature map the
expected place, and how strong it is there.

A spatial softmax (Levine et al. 2016; Finn et al. 2016): a small thing that moves by less than a
patch moves its expected place by as much, which flattened maps show only as other numbers in other
cells.

Shapes: B batch, F frame embedding, M feature maps, H and W pixels, h and w cells of a map, C
channels.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from latent_mpc.agent.models.encoders.conv import as_patches, require_square
from latent_mpc.agent.models.encoders.encoder import Encoder


class SpatialEncoder(Encoder):
    """Maps of a quarter of the picture's side, three numbers of each: column, row, strength."""

    key: ClassVar[str] = "pixels"
    name: ClassVar[str] = "spatial"
    places: Tensor

    def __init__(self, shape: tuple[int, ...], config: Any) -> None:
        super().__init__(shape, config)
        require_square(shape)
        side, width = shape[0] // 4, config.width
        self.maps = nn.Sequential(
            nn.Identity(),
            nn.Conv2d(16 * shape[2], width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 1),
        )
        self.maps.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
        # logarithm of the softmax's inverse temperature
        self.sharpness = nn.Parameter(torch.ones(()))
        along = torch.linspace(-1, 1, side)
        self.register_buffer(
            "places",
            torch.stack(torch.meshgrid(along, along, indexing="xy"), dim=-1).view(-1, 2),
            persistent=False,
        )
        self.layers = nn.Linear(3 * 2 * width, config.embedding)

    def keypoints(
        self, pixels: UInt8[Tensor, "B H W C"]
    ) -> tuple[Float[Tensor, "B M 2"], Float[Tensor, "B M"]]:
        """Expected column and row of each map, in [-1, 1] from the upper left corner, and its
        activation there.
        """
        maps = self.maps(as_patches(pixels)).flatten(2).float()  # (B, M, h * w)
        share = torch.softmax(maps * self.sharpness.exp(), dim=-1)
        return share @ self.places, (share * maps).sum(dim=-1)

    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B F"]:
        places, strength = self.keypoints(pixels)
        return self.layers(torch.cat([places.flatten(1), strength], dim=-1))
