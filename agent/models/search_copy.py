"""Layers in low precision or compiled, for copies of networks that a search imagines with; no
gradient is taken of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn


class Half(nn.Module):
    """Layers in bf16 between inputs and outputs of the caller's own type, so that latents are still
    added up in fp32.
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = copy.deepcopy(layers).requires_grad_(False).to(torch.bfloat16)
        for part in self.layers.modules():
            if isinstance(part, nn.SiLU):
                part.inplace = True  # no gradient is taken: TwoStageCost
            if isinstance(part, nn.LayerNorm) and part.weight.device.type == "cpu":
                part.float()  # 62 instead of 74 us for 512 x 256; a GPU takes no mixed types here

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.to(torch.bfloat16)).to(x.dtype)


def fused(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of tensors, compiled; CUDA graphs on a GPU, whose outputs live until the next call
    only, hence the copy.
    """
    inner = torch.compile(function, mode="reduce-overhead")

    def run(*tensors: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return inner(*tensors).clone()

    return run
