"""`network: vit`: a vision transformer (Dosovitskiy et al. 2021) with the tensor names of DINOv2
(Oquab et al. 2024) and of timm.

Shapes: B batch, P patches, W width, G cells of the grid that patches are averaged to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, scaled_dot_product_attention

from latent_mpc.agent.models.backbones.backbone import Backbone
from latent_mpc.configs.checks import at_least
from latent_mpc.configs.errors import LatentMPCError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's channels


@dataclass
class VitConfig:
    """Sizes of the transformer; the defaults are DINOv2's small one."""

    patch: int = 14  # side of a patch [pixels]
    width: int = 384  # of its tokens
    depth: int = 12  # blocks
    heads: int = 6  # of attention
    trained_grid: int = 37  # patches along a side of the pictures it was trained on
    registers: int = 0  # extra tokens (Darcet et al. 2024)
    layer_scale: bool = True  # whether blocks scale what they add
    side: int = 112  # pictures are resized to this [pixels]
    # cells along a side that patches are averaged to; features keep where they are as far as that
    grid: int = 4

    def __post_init__(self) -> None:
        at_least(
            self, patch=1, width=1, depth=1, heads=1, trained_grid=1, registers=0, side=1, grid=1
        )
        if self.width % self.heads:
            raise LatentMPCError(
                f"width must be a multiple of heads, got {self.width} and {self.heads}"
            )
        if self.side % self.patch:
            raise LatentMPCError(
                f"side must be a multiple of patch, got {self.side} and {self.patch}"
            )


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = (
            heads,
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
        )

    def forward(self, x: Float[Tensor, "B P W"]) -> Float[Tensor, "B P W"]:
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two layers, four times as wide between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Scale(nn.Module):
    """A factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * x


class Block(nn.Module):
    """Attention, then the layers, each added to what came in."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(config.width, eps=1e-6) for _ in range(2))
        self.attn, self.mlp = Attention(config.width, config.heads), Mlp(config.width)
        self.ls1, self.ls2 = (
            Scale(config.width) if config.layer_scale else nn.Identity() for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return x + self.ls2(self.mlp(self.norm2(x)))


class PatchEmbed(nn.Module):
    """Patches as tokens."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, config.patch, config.patch)

    def forward(self, pictures: Tensor) -> Float[Tensor, "B P W"]:
        return self.proj(pictures).flatten(2).transpose(1, 2)


class Vit(Backbone):
    """The patch tokens of the last layer, averaged over a coarse grid, and the class token.
    Pictures have three channels, or a multiple: several cameras one after the other."""

    name: ClassVar[str] = "vit"
    Config = VitConfig
    config: VitConfig
    IGNORED = ("mask_token",)

    def __init__(self, config: VitConfig) -> None:
        super().__init__(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.trained_grid**2, config.width))
        if config.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, config.registers, config.width))
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=1e-6)

    @property
    def features(self) -> int:
        return self.config.width * (self.config.grid**2 + 1)

    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B W"]:
        cameras = pixels.permute(0, 3, 1, 2).float().div(255.0).split(3, dim=1)
        return torch.stack([self._one(picture) for picture in cameras]).mean(dim=0)

    def _one(self, picture: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B W"]:
        config = self.config
        mean, std = (picture.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        picture = interpolate(
            (picture - mean) / std, size=(config.side, config.side), mode="bilinear", antialias=True
        )
        along = config.side // config.patch
        patches = self.patch_embed(picture) + self._places(along)
        begin = (self.cls_token + self.pos_embed[:, :1]).expand(len(picture), -1, -1)
        extra = [self.register_tokens.expand(len(picture), -1, -1)] if config.registers else []
        x = torch.cat([begin, *extra, patches], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        cells = x[:, 1 + config.registers :].transpose(1, 2).unflatten(2, (along, along))
        return torch.cat([adaptive_avg_pool2d(cells, config.grid).flatten(1), x[:, 0]], dim=1)

    def _places(self, along: int) -> Float[Tensor, "1 P W"]:
        """Position embeddings of the trained grid, resized to this one."""
        trained = self.config.trained_grid
        grid = self.pos_embed[:, 1:].unflatten(1, (trained, trained)).permute(0, 3, 1, 2)
        if along != trained:
            grid = interpolate(grid, size=(along, along), mode="bicubic", antialias=False)
        return grid.flatten(2).transpose(1, 2)
