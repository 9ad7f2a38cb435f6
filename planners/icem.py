"""The improved cross-entropy method as published: CEM whose number of candidates decays while the
distribution narrows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from latent_mpc.configs.checks import at_least
from latent_mpc.planners.cem import CEM


@dataclass(frozen=True)
class ICEM(CEM):
    """Coloured noise, kept and shifted elites, decaying candidates, the mean evaluated last
    (Pinneri et al. 2020, Alg. 1).

    Elites kept within a decision are ranked by the cost they have, as in the authors' code.
    Differs: the mean is a candidate of every iteration, not of the last only; shifted elites take
    the place of samples instead of being added; never more than `samples`; `overshoot` and
    `cold_std`, as in CEM.
    """

    name: ClassVar[str] = "icem"

    # factor by which the candidates get fewer from iteration to iteration, down to twice the
    # elites. Source: iCEM 1.25
    decay: float = 1.25
    # least standard deviation [half-ranges]. Source: iCEM has none
    std_floor: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, decay=1)

    def counts(self) -> Iterator[int]:
        least = min(self.samples, 2 * self.elites)
        count = self.samples
        while True:
            yield count
            count = max(least, int(count / self.decay))
