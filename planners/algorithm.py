"""The seam of an algorithm: its fields, `sample` and `update`. Bounds, the nominal, infeasible costs and randomness are the loop's.

B problems, N candidates, K kept elites, H horizon, A action. Half-range: half the distance between an action's bounds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.planners.ranking import VIOLATED

EXECUTE = ("best", "mean")


class Search(NamedTuple):
    """Where the search of one decision stands, in action units.

    elites, score: what the algorithm keeps, best first; the first iteration has none (K = 0). They warm start the next decision.
    half, middle: half-range of each action, the unit of fields like `std_floor`, and the middle of its bounds.
    memory: anything else that an algorithm keeps between iterations of one decision (optimiser state).
    """

    mean: Float[Tensor, "B H A"]
    std: Float[Tensor, "B H A"]
    elites: Float[Tensor, "B K H A"]
    score: Float[Tensor, "B K"]
    half: Float[Tensor, " A"]
    middle: Float[Tensor, " A"]
    memory: Any = None


@dataclass(frozen=True)
class Algorithm(ABC):
    """Fields that every algorithm has. Only int, float, bool and str: these dataclasses are the Hydra schemas too."""

    name: ClassVar[str]
    differentiates: ClassVar[bool] = False  # takes the gradient of the score with respect to the candidates: the cost must have one

    # candidates per iteration. Source: measured, see CEM
    samples: int = 64
    # iterations per decision. Source: TD-MPC2 has 6, iCEM 3 to 10; 3 cost three points on Reacher from pixels (docs/log.md)
    iterations: int = 6
    # initial standard deviation of the candidates [half-ranges]. Source: iCEM, Pinneri et al. 2020, sigma_init 0.5
    std: float = 0.5
    # exponent of the noise's power spectrum along time: 0 white, 1 pink, 2 red. Source: iCEM, 2 to 3.5 by task
    noise_beta: float = 2.0
    # control steps in one action block, for the noise to run through [control steps]. Source: ours; 1 is a plain action
    block: int = 1
    # the plan to return: "best" of all evaluated ones, or the last "mean". Source: iCEM executes the best
    execute: str = "best"

    def __post_init__(self) -> None:
        self.at_least("samples", 2)
        self.at_least("iterations", 1)
        self.at_least("block", 1)
        self.at_least("noise_beta", 0)
        if not self.std > 0:
            raise ValueError(f"std must be above 0, got {self.std}")
        if self.execute not in EXECUTE:
            raise ValueError(f"execute must be one of {', '.join(EXECUTE)}, got {self.execute!r}")

    def at_least(self, field: str, least: int | float, most: int | float = float("inf")) -> None:
        """Raises ValueError unless least <= field <= most."""
        value = getattr(self, field)
        if not least <= value <= most:
            said = f"at least {least}" if most == float("inf") else f"within [{least}, {most}]"
            raise ValueError(f"{field} must be {said}, got {value}")

    @property
    def kept(self) -> int:
        """Elites kept from one iteration, and one decision, to the next."""
        return 0

    def takes_gradient(self, search: Search) -> bool:
        """Whether the next `update` does: the others need no graph."""
        return self.differentiates

    def counts(self) -> Iterator[int]:
        """Candidates of each iteration, without end: the loop takes as many as its budget allows."""
        return repeat(self.samples)

    def sample(self, search: Search, noise: Float[Tensor, "B N H A"]) -> Float[Tensor, "B N H A"]:
        """Candidates; noise has standard deviation 1. The loop clips them and puts the nominal into slot 0."""
        return search.mean[:, None] + search.std[:, None] * noise

    @abstractmethod
    def update(
        self, search: Search, candidates: Float[Tensor, "B N H A"], score: Float[Tensor, "B N"]
    ) -> tuple[Search, dict[str, Float[Tensor, " B"]]]:
        """The search after these scores (+inf = infeasible, never NaN), and diagnostics to be logged.

        A problem without any finite score keeps its mean and std whatever is returned for it.
        """


def refit(search: Search, candidates: Tensor, weights: Float[Tensor, "B N"], momentum: float, floor: float) -> Search:
    """Mean and std of the weighted candidates, mixed with the old ones: the formula that CEM and MPPI share.

    Args:
        weights: sum to 1 in each problem.
        momentum: share of the old mean and std that stays.
        floor: least std [half-ranges].
    """
    w = weights[:, :, None, None]
    mean = (w * candidates).sum(1)
    std = (w * (candidates - mean[:, None]).square()).sum(1).sqrt()
    std = torch.maximum(std, floor * search.half)
    return search._replace(
        mean=momentum * search.mean + (1 - momentum) * mean,
        std=momentum * search.std + (1 - momentum) * std,
    )


def ranked(candidates: Float[Tensor, "B N H A"], score: Float[Tensor, "B N"], count: int) -> tuple[Tensor, Float[Tensor, "B K"]]:
    """The best `count` candidates, or all if there are fewer, best first, and their scores."""
    top_score, top = score.topk(min(count, score.shape[1]), dim=1, largest=False)
    return candidates.gather(1, top[:, :, None, None].expand(-1, -1, *candidates.shape[2:])), top_score


def to_best(search: Search, candidates: Tensor, score: Tensor) -> Search:
    """The best candidate becomes the mean; the old mean, candidate 0, is among them."""
    return search._replace(mean=ranked(candidates, score, 1)[0][:, 0])


def feasible_mean(score: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
    """Mean over the feasible candidates; +inf where there is none."""
    feasible = score < VIOLATED
    total = torch.where(feasible, score, 0.0).sum(1)
    return torch.where(feasible.any(1), total / feasible.sum(1), torch.inf)
