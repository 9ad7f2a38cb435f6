"""Layers in low precision or compiled, for copies of networks that a search imagines with; no
gradient is taken of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


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


def search_copy(module: Module, layers: str, function: str, *, bf16: bool, compile: bool) -> Module:
    """A copy of a module of which the part `layers` computes in bf16, or `function` is compiled; it
    shares all other parts.
    """
    made = copy.copy(module)
    made._modules = dict(module._modules)
    if bf16:
        made._modules[layers] = Half(getattr(module, layers))
    if compile:
        setattr(made, function, fused(getattr(made, function)))
    return made


def fused(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of tensors, compiled; CUDA graphs on a GPU, whose outputs live until the next call
    only, hence the copy.
    """
    inner = torch.compile(function, mode="reduce-overhead")

    def run(*tensors: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return inner(*tensors).clone()

    return run
