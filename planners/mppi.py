"""Model predictive path integral control: every candidate counts, by a softmax of its cost. The
temperature divides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.configs.checks import at_least
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.planners.algorithm import Refitted, Search, fitted
from latent_mpc.planners.cost import VIOLATED

# temperatures tried, in units of the excess cost of the candidate at rank `effective`: a quarter of
# a decade apart
_GRID = torch.logspace(-2, 2, 17)


@dataclass(frozen=True)
class MPPI(Refitted):
    """Refit to candidates weighted by exp(-(cost - least cost) / temperature) (Williams et al.
    2017, Alg. 2).

    Differs: several iterations, a refitted std (TD-MPC2, Hansen et al. 2024), a temperature that
    follows the effective sample size.
    """

    name: ClassVar[str] = "mppi"

    # temperature that divides the cost [cost units]; 0: chosen by `effective`. Source: measured, a
    # fixed one has a cliff
    temperature: float = 0.0
    # closed-loop cost on a 6-d double integrator at 3 x 64 evaluations: 25.9 with 0.05, 26.4 with
    # 0.1, 27.1 with 0.2 effective sample size that temperature = 0 aims at [share of the
    # candidates]. Source: measured, see above
    effective: float = 0.05
    # refit the std as well as the mean; false is Williams et al. Source: TD-MPC2
    adapt_std: bool = True
    # plan to return: best | mean; MPPI returns its mean. Source: Williams et al. 2017
    execute: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, temperature=0)
        if not 0 < self.effective <= 1:
            raise LatentMPCError(f"effective must be within (0, 1], got {self.effective}")

    def update(
        self, search: Search, candidates: Tensor, score: Tensor
    ) -> tuple[Search, dict[str, Tensor]]:
        least = score.min(1, keepdim=True).values
        # violating ones count only where all violate
        counts = score.isfinite() & ((score < VIOLATED) | (least >= VIOLATED))
        # inf - inf is NaN where nothing is feasible
        excess = torch.where(counts, score - least, torch.inf)
        temperature = (
            torch.full_like(excess[:, :1], self.temperature)
            if self.temperature
            else tempered(excess, self.effective)
        )
        weights = softmin(excess, temperature)
        mean, std = fitted(candidates, weights)
        new = self.moved(search, mean, std if self.adapt_std else None)
        return new, {
            "elite": (weights * torch.where(counts, score, 0.0)).sum(1),
            "effective": effective_size(weights),
            "temperature": temperature[:, 0],
        }


def softmin(
    excess: Float[Tensor, "*#B N"], temperature: Float[Tensor, "*#B 1"]
) -> Float[Tensor, "*G N"]:
    """Weights exp(-excess / temperature) that sum to 1, or all 0 where every excess is +inf."""
    w = torch.exp(-excess / temperature)
    return w / w.sum(-1, keepdim=True).clamp(min=torch.finfo(w.dtype).tiny)


def effective_size(weights: Float[Tensor, "*B N"]) -> Float[Tensor, "*B"]:
    """Kish's effective number of candidates, 1 / sum of squared weights; 0 for weights that are all
    0.
    """
    squares = weights.square().sum(-1)
    return torch.where(squares > 0, 1 / squares, 0.0)


def tempered(excess: Float[Tensor, "B N"], share: float) -> Float[Tensor, "B 1"]:
    """The lowest temperature of a grid at which the effective sample size is at least `share` of
    the feasible candidates.

    A grid, in one operation: bisection would be twenty small ones. Its unit is the excess at that
    rank, so that outliers do not matter.
    """
    target = (share * excess.isfinite().sum(1, keepdim=True)).ceil().clamp(min=1)  # (B, 1)
    # rank `target`, counted from 0
    unit = excess.sort(1).values.gather(1, target.long().clamp(max=excess.shape[1] - 1))
    unit = torch.where(unit.isfinite(), unit, 1.0).clamp(min=1e6 * torch.finfo(excess.dtype).tiny)
    grid = unit * _GRID.to(excess)  # (B, G)
    enough = effective_size(softmin(excess[:, None], grid[:, :, None])) >= target  # (B, G)
    index = torch.where(enough.any(1), enough.float().argmax(1), grid.shape[1] - 1)
    return grid.gather(1, index[:, None])
