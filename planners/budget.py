"""What one decision may spend, and how that is divided into iterations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from latent_mpc.configs.checks import above, at_least

if TYPE_CHECKING:
    from latent_mpc.planners.algorithm import Algorithm

# Fewer candidates than this in an iteration teach a distribution little. Source: measured, 8 to 20
# are alike (docs/log.md)
LEAST = 16


@dataclass(frozen=True)
class Budget:
    """What one decision may spend; whichever ends first. Without one the algorithm's own
    `iterations` count.

    evaluations: calls of the cost per problem, at least 2, spent to the last one. Less than the
        algorithm's own number makes its iterations smaller rather than fewer, down to 16 candidates
        each; more makes them more.
    iterations: rounds of sample, cost, update.
    seconds: wall time [s]. No iteration but the first starts that would end after it, were it as
        long as those before on average; so it is overshot by one iteration at most. Results depend
        on the machine.
    """

    evaluations: int | None = None
    iterations: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.evaluations is not None:
            at_least(self, evaluations=2)
        if self.iterations is not None:
            at_least(self, iterations=1)
        if self.seconds is not None:
            above(self, seconds=0)

    def counts(self, algorithm: Algorithm) -> Iterator[int]:
        """Candidates of each iteration. One evaluation is left for the mean where the algorithm
        returns it.
        """
        if self.seconds is not None and self.evaluations is None and self.iterations is None:
            return algorithm.counts()
        usual = list(islice(algorithm.counts(), self.iterations or algorithm.iterations))
        counts = (
            usual
            if self.evaluations is None
            else self._divided(algorithm, self.evaluations, self.evaluations / sum(usual))
        )
        counts[-1] -= algorithm.execute == "mean"
        return (n for n in counts if n)

    def _divided(self, algorithm: Algorithm, left: int, share: float) -> list[int]:
        """`left` evaluations in iterations of that share of the usual ones; a small rest goes into
        the last iteration.
        """
        counts: list[int] = []
        for usual in islice(algorithm.counts(), self.iterations):
            n = max(min(usual, LEAST), int(usual * min(1.0, share)))
            counts.append(left if left <= min(usual, n + LEAST // 2) else n)
            left -= counts[-1]
            if not left:
                break
        return counts
