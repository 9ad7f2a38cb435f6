"""From what a cost returns to what a planner compares: one score per candidate, in which NaN and
infeasible never win.

B problems, N candidates, H horizon, A action, C constraints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.configs.errors import LatentMPCError

Cost: TypeAlias = Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]
"""`cost(actions[B, N, H, A]) -> [B, N]`, lower is better, +inf = infeasible; or
`(cost, violation[B, N, C])`, violated where > 0.
"""

# [cost units] scores from here to twice this are violating candidates; costs of feasible ones are
# cut off below
VIOLATED = 1e30


class Evaluated(NamedTuple):
    """Plans that a cost has seen, one per problem, with the cost of exactly these actions."""

    actions: Float[Tensor, "B H A"]
    score: Float[Tensor, " B"]
    cost: Float[Tensor, " B"]

    def or_better(self, other: Evaluated) -> Evaluated:
        """Problem by problem, the other one where its score is strictly lower."""
        return other.where(other.score < self.score, self)

    def where(self, mask: Tensor, other: Evaluated) -> Evaluated:
        """Problem by problem, this one where mask, else the other."""
        return Evaluated(
            torch.where(mask[:, None, None], self.actions, other.actions),
            torch.where(mask, self.score, other.score),
            torch.where(mask, self.cost, other.cost),
        )


def evaluate(
    cost: Cost, candidates: Float[Tensor, "B N H A"]
) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N"]]:
    """(score, cost) of the candidates: NaN is +inf; a violating candidate scores worse than every
    feasible one, by its violation.

    Raises:
        ValueError: the cost returned another shape than [B, N], or violations of another shape than
            [B, N, C].
    """
    result = cost(candidates)
    raw, violation = result if isinstance(result, tuple) else (result, None)
    shape = tuple(candidates.shape[:2])
    if tuple(raw.shape) != shape:
        raise LatentMPCError(f"cost must return [B, N] = {shape}, got {tuple(raw.shape)}")
    if violation is not None and (violation.ndim != 3 or violation.shape[:2] != shape):
        raise LatentMPCError(
            f"violation must be [B, N, C] = ({shape[0]}, {shape[1]}, C), got"
            f" {tuple(violation.shape)}"
        )
    raw = raw if raw.dtype in (torch.float32, torch.float64) else raw.float()
    raw = raw.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-VIOLATED)
    return (raw if violation is None else feasibility_first(raw, violation), raw)


def feasibility_first(
    raw: Float[Tensor, "B N"], violation: Float[Tensor, "B N C"]
) -> Float[Tensor, "B N"]:
    """One number that orders feasible candidates by cost and, behind all of them, the others by
    total violation (Deb 2000).
    """
    total = violation.clamp(min=0).sum(-1).nan_to_num(nan=torch.inf)
    behind = VIOLATED * (1 + total / (1 + total))  # keeps 7 digits of a violation below 1
    behind = torch.where(raw.isfinite() & total.isfinite(), behind, torch.inf)
    return torch.where(
        total > 0, behind, torch.where(raw.isfinite(), raw.clamp(max=0.99 * VIOLATED), raw)
    )
