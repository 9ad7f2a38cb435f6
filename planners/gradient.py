"""Gradient descent through the cost from several starts, with Adam. It finds the bottom of a
valley, not the deepest valley.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from latent_mpc.configs.checks import above
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.planners.adam import Descent
from latent_mpc.planners.algorithm import Algorithm, Search


@dataclass(frozen=True)
class Gradient(Algorithm):
    """Adam on every candidate by itself (Kingma & Ba 2015; plans: UPN, Srinivas et al. 2018); the
    plan in force is one of the starts.

    The cost must be differentiable. A start without finite cost is sampled anew around the best.
    """

    name: ClassVar[str] = "gradient"
    differentiates: ClassVar[bool] = True

    # starts: the plan in force and others sampled around it. Source: ours; an iteration costs about
    # three evaluations of each
    samples: int = 8
    # steps of Adam per decision. Source: ours
    iterations: int = 30
    # length of a step of Adam [half-ranges]. Source: ours
    rate: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        above(self, rate=0)
        if self.momentum:
            raise LatentMPCError(
                f"momentum must be 0 for gradient, as Adam has its own, got {self.momentum}"
            )

    def sample(self, search: Search, noise: Tensor) -> Tensor:
        fresh = super().sample(search, noise)
        return fresh if search.memory is None else search.memory.candidates(fresh)

    def update(
        self, search: Search, candidates: Tensor, score: Tensor
    ) -> tuple[Search, dict[str, Tensor]]:
        descent = search.memory or Descent.begin(candidates.detach())
        new, slope = descent.step(search, candidates, score, self.rate)
        return new, {"slope": slope.abs().flatten(1).mean(1)}
