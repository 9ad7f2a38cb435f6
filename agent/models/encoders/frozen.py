"""`model.encoder.pixels=frozen`: a network of others, read from a folder, neither trained nor saved
with the checkpoint; what is trained is the layer from its features to the embedding.

Shapes: B batch, H and W pixels, C channels, W features, F frame embedding.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor, nn

from latent_mpc.agent.models.backbones.backbone import Backbone, BackboneFolder
from latent_mpc.agent.models.encoders.encoder import Encoder
from latent_mpc.configs.errors import LatentMPCError

TOGETHER = 256  # pictures that the frozen network sees at a time


class FrozenEncoder(Encoder):
    """Takes pictures, or the features that `encode_frozen` gave of them.

    Raises ValueError if the folder holds another network than the config's `digest` says.
    """

    key: ClassVar[str] = "pixels"
    name: ClassVar[str] = "frozen"

    def __init__(self, shape: tuple[int, ...], config: Any) -> None:
        super().__init__(shape, config)
        if shape[2] % 3:
            raise LatentMPCError(
                f"a frozen encoder takes pictures of three channels a camera, got {shape}"
            )
        self.folder = BackboneFolder(config.encoder.folder)
        if config.encoder.digest not in ("", self.folder.digest):
            raise LatentMPCError(
                f"the network in {self.folder.path} must be the one that this was trained with,"
                f" {config.encoder.digest}, is {self.folder.digest}; put that one back, or train"
                " again"
            )
        with torch.device("meta"):
            self.width = self.folder.build().features
        self.layers = nn.Sequential(
            nn.LayerNorm(self.width), nn.Linear(self.width, config.embedding)
        )
        # in a list it is no part of this module: neither optimised nor saved
        self._network: list[Backbone] = []

    @property
    def digest(self) -> str:
        return self.folder.digest

    def encode_frozen(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B W"]:
        """The features of pictures, without gradient."""
        if not self._network:
            self._network.append(self.folder.load(pixels.device))
        with torch.no_grad(), torch.autocast(pixels.device.type, enabled=False):
            return torch.cat([self._network[0](some) for some in pixels.split(TOGETHER)])

    def forward(self, obs: Shaped[Tensor, "B ..."]) -> Float[Tensor, "B F"]:
        features = self.encode_frozen(obs) if obs.dtype == torch.uint8 else obs
        return self.layers(features.float())
