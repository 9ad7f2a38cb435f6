"""The cross-entropy method, small and warm: coloured noise, kept and shifted elites (Pinneri et al.
2020), costs of kept elites reused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from latent_mpc.configs.checks import at_least, within
from latent_mpc.planners.algorithm import Refitted, Search, fitted, ranked


@dataclass(frozen=True)
class CEM(Refitted):
    """Refit mean and std to the elites (Rubinstein 1999; iCEM, Pinneri et al. 2020, Alg. 1).

    Differs from iCEM: a kept elite is ranked by the cost it has, not evaluated again; the number of
    candidates does not decay; the mean goes beyond that of the elites, as a mean of so few lies
    short of where they point; the first plan is looked for more widely.
    """

    name: ClassVar[str] = "cem"

    # candidates that the distribution is refitted to; a quarter at most where a budget leaves fewer
    # than `samples`. Source: iCEM, 10 of 40
    elites: int = 8
    # share of the elites kept for the next iteration and, shifted, for the next decision. Source:
    # iCEM 0.3
    keep_elites: float = 0.3
    # how much farther than to the elites' mean the mean goes [share of its way]. Source: measured
    # (docs/log.md); 0 is the textbook's
    overshoot: float = 0.7

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, elites=(1, self.samples), keep_elites=(0, 1))
        at_least(self, overshoot=0)

    @property
    def kept(self) -> int:
        return math.ceil(self.keep_elites * self.elites)

    def update(
        self, search: Search, candidates: Tensor, score: Tensor
    ) -> tuple[Search, dict[str, Tensor]]:
        pool, pool_score = candidates, score
        if search.elites.shape[1]:
            pool, pool_score = (
                torch.cat([candidates, search.elites], 1),
                torch.cat([score, search.score], 1),
            )
        N = score.shape[1]
        count = self.elites if self.samples <= N else min(self.elites, max(1, self.kept, N // 4))
        elites, top_score = ranked(pool, pool_score, count)  # (B, count, H, A)
        feasible = (top_score < torch.inf).to(elites.dtype)
        mean, std = fitted(elites, feasible / feasible.sum(1, keepdim=True).clamp(min=1))
        if self.overshoot:
            mean = mean + self.overshoot * (mean - search.mean)
        new = self.moved(search, mean, std)
        new = new._replace(elites=elites[:, : self.kept], score=top_score[:, : self.kept])
        return new, {"elite": top_score}
