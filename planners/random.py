"""Random shooting: one round of plans drawn over the whole range, the best wins. The floor that a
search has to beat, not a search.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from latent_mpc.planners.algorithm import Algorithm, Search, ranked, uniform


@dataclass(frozen=True)
class Random(Algorithm):
    """Every action uniform within its bounds, coloured along time; the best candidate is the plan
    (random shooting, Nagabandi et al. 2018).

    Differs: the plan in force is candidate 0, and time correlations may be asked for. `std` and
    what was found before shape no candidate.
    """

    name: ClassVar[str] = "random"

    # candidates per iteration. Source: ours, as many as CEM evaluates in a decision, so that the
    # two compare
    samples: int = 384
    # iterations per decision; more are more of the same. Source: Nagabandi et al. 2018 have one
    # round
    iterations: int = 1

    def sample(self, search: Search, noise: Tensor) -> Tensor:
        return uniform(search, noise)

    def update(
        self, search: Search, candidates: Tensor, score: Tensor
    ) -> tuple[Search, dict[str, Tensor]]:
        # the old mean is candidate 0
        return self.moved(search, ranked(candidates, score, 1)[0][:, 0]), {}
