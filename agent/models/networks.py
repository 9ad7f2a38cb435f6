"""The small networks that encoders, predictors and heads are made of: plain `nn.Module`s that know
nothing of planning or of MuJoCo.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent import ranks


def mlp(
    inputs: int,
    outputs: int,
    hidden: int,
    layers: int = 2,
    dropout: float = 0.0,
    zero_last: bool = False,
) -> nn.Sequential:
    """`layers` hidden layers of Linear, LayerNorm, SiLU (and dropout), then a Linear, which begins
    at zero where that is asked for.
    """
    parts: list[nn.Module] = []
    for width in [inputs] + [hidden] * (layers - 1):
        parts += [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.SiLU()]
        if dropout:
            parts.append(nn.Dropout(dropout))
    last = nn.Linear(hidden, outputs)
    if zero_last:
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(*parts, last)


class BatchNorm(nn.BatchNorm1d):
    """Of several ranks that train together, statistics are those of all their rows."""

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Raises ValueError in training for a single row."""
        if not self.training:
            return super().forward(x)
        return ranks.own(super().forward(ranks.gather(x)))
