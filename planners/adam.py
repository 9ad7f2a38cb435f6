"""Adam on plans: the steps that planners with gradients share. The loop keeps the plans inside the
bounds.

B problems, S starts, H horizon, A action.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.planners.algorithm import Search
from latent_mpc.planners.cost import VIOLATED

BETAS = (0.9, 0.999)  # decay of the two moments. Source: Adam, Kingma & Ba 2015
# [cost units / action unit] keeps 0 / 0 out; Adam's 1e-8 would make plans depend on the unit of a
# small cost
EPS = 1e-12


class Descent(NamedTuple):
    """S plans on their way down, the best first; the loop puts the search's mean, which is the
    first of them, into slot 0.

    lost: plans that have no finite cost, hence no slope: they start anew from the samples of the
    next iteration.
    """

    points: Float[Tensor, "B S H A"]
    first: Float[Tensor, "B S H A"]
    second: Float[Tensor, "B S H A"]
    steps: Float[Tensor, "B S 1 1"]
    lost: Bool[Tensor, "B S 1 1"]

    @classmethod
    def begin(cls, points: Tensor, lost: Bool[Tensor, "B S"] | None = None) -> Descent:
        zeros, count = torch.zeros_like(points), torch.zeros_like(points[:, :, :1, :1])
        return cls(
            points, zeros, zeros, count, count.bool() if lost is None else lost[:, :, None, None]
        )

    def candidates(self, fresh: Float[Tensor, "B N H A"]) -> Tensor:
        """The plans, as many as there are fresh samples at most; fresh ones for those that are
        lost.
        """
        count = min(fresh.shape[1], self.points.shape[1])
        return torch.where(self.lost[:, :count], fresh[:, :count], self.points[:, :count])

    def step(
        self,
        search: Search,
        plans: Float[Tensor, "B N H A"],
        score: Float[Tensor, "B N"],
        rate: float,
    ) -> tuple[Search, Tensor]:
        """The search after one step of Adam [half-ranges] from these plans, and their slopes `[B,
        N, H, A]`, in the plans' order.
        """
        slope = slopes(plans, score)
        old = [x[:, : plans.shape[1]] for x in self]
        first = BETAS[0] * old[1] + (1 - BETAS[0]) * slope
        second = BETAS[1] * old[2] + (1 - BETAS[1]) * slope.square()
        steps = old[3] + 1
        way = (first / (1 - BETAS[0] ** steps)) / ((second / (1 - BETAS[1] ** steps)).sqrt() + EPS)
        lost = score.detach().isinf()[:, :, None, None]
        kept = (~lost).to(slope)
        moved = Descent(
            plans.detach() - rate * search.half * way,
            kept * first,
            kept * second,
            kept * steps,
            lost,
        )
        order = score.detach().argsort(dim=1, stable=True)[:, :, None, None]
        best_first = Descent(*(x.gather(1, order.expand_as(x)) for x in moved))
        return search._replace(mean=best_first.points[:, 0], memory=best_first), slope


def slopes(
    plans: Float[Tensor, "B N H A"], score: Float[Tensor, "B N"]
) -> Float[Tensor, "B N H A"]:
    """Gradient of each plan's score, 0 where it is not finite; a violating plan's is that of its
    violation.

    Raises ValueError where the score does not depend on the plans in a way that autograd knows.
    """
    if not score.requires_grad:
        raise LatentMPCError(
            "the planner takes gradients, and what this cost returned has none; cem, icem and mppi"
            " need none"
        )
    # else the second moment overflows
    scaled = torch.where(score >= VIOLATED, score / VIOLATED, score)
    (slope,) = torch.autograd.grad(scaled.sum(), plans)
    return slope.nan_to_num(0.0, 0.0, 0.0)
