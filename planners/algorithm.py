"""The seam of an algorithm: its fields, `sample` and `update`. Bounds, the nominal, infeasible
costs and randomness are the loop's.

B problems, N candidates, K kept elites, H horizon, A action. Half-range: half the distance between
an action's bounds.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from latent_mpc.configs.checks import above, at_least, one_of, within
from latent_mpc.planners.cost import VIOLATED
from latent_mpc.planners.noise import INTERPOLATIONS

EXECUTE = ("best", "mean")


class Search(NamedTuple):
    """Where the search of one decision stands, in action units.

    elites, score: what the algorithm keeps, best first; the first iteration has none (K = 0). They
        warm start the next decision.
    half, middle: half-range of each action, the unit of fields like `std_floor`, and the middle of
        its bounds.
    memory: anything else that an algorithm keeps between iterations of one decision (optimiser
        state).
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
    """Fields that every algorithm has. Only int, float, bool and str: these dataclasses are the
    Hydra schemas too.
    """

    name: ClassVar[str]
    # takes the gradient of the score with respect to the candidates: the cost must have one
    differentiates: ClassVar[bool] = False

    # candidates per iteration. Source: measured, see CEM
    samples: int = 64
    # iterations per decision. Source: TD-MPC2 has 6, iCEM 3 to 10; 3 cost three points on Reacher
    # from pixels (docs/log.md)
    iterations: int = 6
    # initial standard deviation of the candidates [half-ranges]. Source: iCEM, Pinneri et al. 2020,
    # sigma_init 0.5
    std: float = 0.5
    # initial standard deviation where there is no plan yet [half-ranges]; 0: as std. Source: see
    # Refitted
    cold_std: float = 0.0
    # least standard deviation [half-ranges]. Source: TD-MPC2, Hansen et al. 2024, has min_std 0.05;
    # 0: none
    std_floor: float = 0.0
    # share of the old mean and std that stays in an update. Source: iCEM has 0.1; 0: none
    momentum: float = 0.0
    # exponent of the noise's power spectrum along time: 0 white, 1 pink, 2 red. Source: iCEM, 2 to
    # 3.5 by task
    noise_beta: float = 2.0
    # times at which noise is drawn, interpolated between; 0: all. Source: mjpc, Howell et al. 2022;
    # 0 measured, see docs/log.md
    knots: int = 0
    # interpolation between knots: one of INTERPOLATIONS; zero holds. Source: mjpc, which has the
    # three
    interpolation: str = "linear"
    # control steps in one action block, for the noise to run through [control steps]. Source: ours;
    # 1 is a plain action
    block: int = 1
    # share of the candidates drawn uniformly over the whole range, against local minima. Source:
    # MTP, Le et al. 2025, beta; 0: none
    global_share: float = 0.0
    # share of an iteration that `proposals` may take, at least one; those beyond it are left out.
    # Source: ours; TD-MPC2 has 24 of 512
    proposal_share: float = 1.0
    # plan to return: one of EXECUTE (best of all evaluated ones, or the last mean). Source: iCEM
    # executes the best
    execute: str = "best"

    def __post_init__(self) -> None:
        at_least(
            self, samples=2, iterations=1, block=1, knots=0, cold_std=0, std_floor=0, noise_beta=0
        )
        within(self, momentum=(0, 1), global_share=(0, 1), proposal_share=(0, 1))
        above(self, std=0)
        one_of(self, interpolation=INTERPOLATIONS, execute=EXECUTE)

    @property
    def kept(self) -> int:
        """Elites kept from one iteration, and one decision, to the next."""
        return 0

    def takes_gradient(self, search: Search) -> bool:
        """Whether the next `update` does: the others need no graph."""
        return self.differentiates

    def counts(self) -> Iterator[int]:
        """Candidates of each iteration, without end: the loop takes as many as its budget
        allows.
        """
        return repeat(self.samples)

    def sample(self, search: Search, noise: Float[Tensor, "B N H A"]) -> Float[Tensor, "B N H A"]:
        """Candidates; noise has standard deviation 1. The loop clips them and puts the nominal into
        slot 0.
        """
        return torch.addcmul(search.mean[:, None], search.std[:, None], noise)

    @abstractmethod
    def update(
        self, search: Search, candidates: Float[Tensor, "B N H A"], score: Float[Tensor, "B N"]
    ) -> tuple[Search, dict[str, Float[Tensor, "B ..."]]]:
        """The search after these scores (+inf = infeasible, never NaN), and diagnostics to be
        logged: numbers, or scores for their mean.

        A problem without any finite score keeps its mean and std whatever is returned for it.
        """

    def moved(self, search: Search, mean: Tensor, std: Tensor | None = None) -> Search:
        """The search with its mean and std moved to these, as far as `momentum` lets them, the std
        not below its floor.
        """
        std = search.std if std is None else torch.maximum(std, self.std_floor * search.half)
        if not self.momentum:
            return search._replace(mean=mean, std=std)
        return search._replace(
            mean=mean.lerp(search.mean, self.momentum), std=std.lerp(search.std, self.momentum)
        )


@dataclass(frozen=True)
class Refitted(Algorithm):
    """What algorithms share that refit a mean and a std to their candidates."""

    # standard deviation where there is no plan yet [half-ranges]. Source: measured (docs/log.md)
    cold_std: float = 1.0
    # share of the old mean and std that stays in an update. Source: iCEM 0.1
    momentum: float = 0.1
    # least standard deviation [half-ranges]. Source: TD-MPC2, Hansen et al. 2024, min_std 0.05
    std_floor: float = 0.05


def fitted(
    candidates: Float[Tensor, "B N H A"], weights: Float[Tensor, "B N"]
) -> tuple[Float[Tensor, "B H A"], Float[Tensor, "B H A"]]:
    """Mean and std of the candidates by weights that sum to 1: the formula that CEM and MPPI
    share.
    """
    w = weights[:, :, None, None]
    mean = (w * candidates).sum(1)
    return mean, (w * (candidates - mean[:, None]).square()).sum(1).sqrt()


def uniform(search: Search, noise: Tensor) -> Tensor:
    """Candidates uniform within the bounds, as correlated along time as the noise is."""
    # the normal's own distribution function, stretched to [-1, 1]
    return torch.addcmul(search.middle, search.half, torch.erf(noise / math.sqrt(2)))


def take(x: Float[Tensor, "B N *rest"], index: Int64[Tensor, "B K"]) -> Float[Tensor, "B K *rest"]:
    """Of each problem, the rows of index. Twice as quick as gather with an expanded index."""
    return x[problems(len(x), x.device)[:, None], index]


@lru_cache
def problems(B: int, device: torch.device) -> Int64[Tensor, " B"]:
    """0 to B - 1, made once."""
    return torch.arange(B, device=device)


def ranked(
    candidates: Float[Tensor, "B N H A"], score: Float[Tensor, "B N"], count: int
) -> tuple[Tensor, Float[Tensor, "B K"]]:
    """The best `count` candidates, or all if there are fewer, best first, and their scores."""
    top_score, top = score.topk(min(count, score.shape[1]), dim=1, largest=False)
    return take(candidates, top), top_score


def feasible_mean(score: Float[Tensor, "*B N"]) -> Float[Tensor, "*B"]:
    """Mean over the feasible candidates; +inf where there is none."""
    feasible = score < VIOLATED
    # 0 / 0
    return (torch.where(feasible, score, 0.0).sum(-1) / feasible.sum(-1)).nan_to_num(torch.inf)
