"""Several networks of one shape side by side, each layer one batched product: an ensemble, and how
far its members disagree.

Members differ by their initial weights only, which is what made deep ensembles work
(Lakshminarayanan et al. 2017); they see the same windows. Where data are plenty they agree; where
the model extrapolates they do not.

Shapes: E members, B batch, I inputs, O outputs, N candidates, H horizon, D latent.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.models.networks import mlp


class StackedLinear(nn.Module):
    """E linear layers as one."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        # (E, I, O)
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]))
        # (E, 1, O)
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers])[:, None])

    def forward(self, x: Float[Tensor, "E *B I"]) -> Float[Tensor, "E *B O"]:
        return torch.baddbmm(self.bias, x.flatten(1, -2), self.weight).unflatten(1, x.shape[1:-1])


class StackedNorm(nn.Module):
    """E layer norms as one."""

    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        # (E, I)
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Float[Tensor, "E *B I"]) -> Float[Tensor, "E *B I"]:
        shape = (len(x), *[1] * (x.ndim - 2), x.shape[-1])
        return nn.functional.layer_norm(x, x.shape[-1:]) * self.weight.view(shape) + self.bias.view(
            shape
        )


def ensemble(
    members: int,
    inputs: int,
    outputs: int,
    hidden: int,
    dropout: float = 0.0,
    zero_last: bool = False,
) -> nn.Sequential:
    """`members` networks of `mlp`: `[E, *B, I]` -> `[E, *B, O]`."""
    layers: list[nn.Module] = []
    networks = (
        mlp(inputs, outputs, hidden, dropout=dropout, zero_last=zero_last) for _ in range(members)
    )
    for same in zip(*networks, strict=True):
        if isinstance(same[0], nn.Linear):
            layers.append(StackedLinear(same))
        else:
            layers.append(StackedNorm(same) if isinstance(same[0], nn.LayerNorm) else same[0])
    return nn.Sequential(*layers)


def disagreement(z: Float[Tensor, "E *B D"]) -> Float[Tensor, "*B"]:
    """Standard deviation of the members' latents, root mean square over dimensions; latents have
    about unit variance.
    """
    # the gradient of a root at zero is infinite
    return (z.var(dim=0, correction=0).mean(dim=-1) + 1e-12).sqrt()
