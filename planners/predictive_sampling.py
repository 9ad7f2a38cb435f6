"""Predictive sampling: noise around the plan in force, the best candidate becomes it. No
distribution, no elites.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from latent_mpc.configs.checks import at_least, within
from latent_mpc.planners.algorithm import Algorithm, Search, ranked


@dataclass(frozen=True)
class PredictiveSampling(Algorithm):
    """The nominal is candidate 0, most others lie near it and some far from it; the best becomes
    nominal (Howell et al. 2022, Sec. 4.3).

    Differs: coloured noise where mjpc has splines; the wide candidates are the last ones, not drawn
    by lot; several iterations.
    """

    name: ClassVar[str] = "predictive_sampling"

    # standard deviation of the narrow candidates [half-ranges]. Source: mjpc, sampling_exploration
    # 0.1
    std: float = 0.1
    # standard deviation of them where there is no plan yet [half-ranges]. Source: measured: 40
    # evaluations are as good as 120 (docs/log.md)
    cold_std: float = 0.5
    # standard deviation of the wide candidates [half-ranges]. Source: iCEM, sigma_init 0.5; mjpc
    # sets its second scale by task
    wide_std: float = 0.5
    # share of the candidates that are wide. Source: mjpc 0.2
    wide: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, wide_std=self.std)
        within(self, wide=(0, 1))

    def sample(self, search: Search, noise: Tensor) -> Tensor:
        N = noise.shape[1]
        far = torch.arange(N, device=noise.device) >= N - round(self.wide * N)
        wide = (self.wide_std * search.half).expand_as(search.std)
        std = torch.where(far[:, None, None], wide[:, None], search.std[:, None])  # (B, N, H, A)
        return search.mean[:, None] + std * noise

    def update(
        self, search: Search, candidates: Tensor, score: Tensor
    ) -> tuple[Search, dict[str, Tensor]]:
        # the old mean is candidate 0
        return self.moved(search, ranked(candidates, score, 1)[0][:, 0]), {}
