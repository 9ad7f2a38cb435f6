"""The cross-entropy method, small and warm: coloured noise, kept and shifted elites (Pinneri et al. 2020), costs of kept elites reused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from latent_mpc.planners.algorithm import Algorithm, Search, feasible_mean, ranked, refit


@dataclass(frozen=True)
class CEM(Algorithm):
    """Refit mean and std to the elites (Rubinstein 1999; iCEM, Pinneri et al. 2020, Alg. 1).

    Differs from iCEM: a kept elite is ranked by the cost it has, not evaluated again; the number of candidates does not decay.
    """

    name: ClassVar[str] = "cem"

    # candidates that the distribution is refitted to. Source: iCEM has 10 of 40 and more
    elites: int = 8
    # share of the elites kept for the next iteration and, shifted, for the next decision. Source: iCEM 0.3
    keep_elites: float = 0.3
    # share of the old mean and std that stays in an update. Source: iCEM 0.1
    momentum: float = 0.1
    # least standard deviation [half-ranges]. Source: TD-MPC2, Hansen et al. 2024, min_std 0.05
    std_floor: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        self.at_least("elites", 1, self.samples)
        self.at_least("keep_elites", 0, 1)
        self.at_least("momentum", 0, 1)
        self.at_least("std_floor", 0)

    @property
    def kept(self) -> int:
        return math.ceil(self.keep_elites * self.elites)

    def update(self, search: Search, candidates: Tensor, score: Tensor) -> tuple[Search, dict[str, Tensor]]:
        pool = torch.cat([candidates, search.elites], 1)
        pool_score = torch.cat([score, search.score], 1)
        elites, top_score = ranked(pool, pool_score, self.elites)  # (B, elites, H, A)
        feasible = top_score.isfinite().to(elites.dtype)
        weights = feasible / feasible.sum(1, keepdim=True).clamp(min=1)
        new = refit(search, elites, weights, self.momentum, self.std_floor)
        new = new._replace(elites=elites[:, : self.kept], score=top_score[:, : self.kept])
        return new, {"elite": feasible_mean(top_score)}
