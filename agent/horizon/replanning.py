"""`ReplanEvery`: a decision that another one follows for some model steps. The agent observes in
between, so that its memory is the true history.

Shapes: B episodes, H horizon, A action block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latent_mpc.agent.agent import Decision
from latent_mpc.agent.models.base import Memory
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.planners import Plan, Planner


class Following(NamedTuple):
    """The plan in force of B episodes, and since when."""

    inner: Any  # what the decision that is followed carries
    actions: Float[Tensor, "B H A"]
    age: Int[Tensor, " B"]  # [model steps]

    def select(self, index: Int[Tensor, " M"]) -> Following:
        """Of some episodes."""
        return Following(
            self.inner.select(index), self.actions[index.to(self.actions.device)], self.age[index]
        )

    def put(self, index: Int[Tensor, " M"], other: Following) -> Following:
        """With episodes `index` replaced by those of `other`."""
        there = index.to(self.actions.device)
        actions, age = (
            self.actions.index_copy(0, there, other.actions),
            self.age.index_copy(0, index, other.age),
        )
        return Following(self.inner.put(index, other.inner), actions, age)

    def reset(self, mask: Bool[Tensor, " B"]) -> Following:
        """Begin anew where mask is true."""
        return Following(self.inner.reset(mask), self.actions, torch.where(mask, 0, self.age))


@dataclass
class ReplanEvery:
    """Follow each plan of `decision` for `every` model steps; each episode at its own time.

    Raises ValueError if the plan is shorter than that.
    """

    decision: Decision
    every: int

    def __post_init__(self) -> None:
        if not 1 <= self.every <= self.planner.horizon:
            raise LatentMPCError(
                f"every must lie within the plan's 1 to {self.planner.horizon} model steps, got"
                f" {self.every}"
            )

    @property
    def planner(self) -> Planner:
        return self.decision.planner

    def init(self, B: int, seed: int) -> Following:
        planner = self.planner
        plans = planner.middle.expand(B, planner.horizon, -1).clone()
        return Following(self.decision.init(B, seed), plans, torch.zeros(B, dtype=torch.int64))

    def decide(
        self,
        memory: Memory,
        z_goal: Float[Tensor, "B D"],
        rest: Float[Tensor, "B 1 H A"],
        warm: Following,
    ) -> tuple[Plan, Following]:
        """`info` is empty where not all episodes decided, and the cost of the others is not
        known.
        """
        later = torch.cat([warm.actions[:, 1:], warm.actions[:, -1:]], dim=1)
        moved = warm.inner.shift(1)
        due = (warm.age % self.every == 0).nonzero()[:, 0]
        plan, kept = Plan(later, later.new_full((len(later),), torch.nan), moved, {}), moved
        if len(due):
            there = due.to(later.device)
            made, after = self.decision.decide(
                memory.select(there), z_goal[there], rest[there], warm.inner.select(due)
            )
            kept = moved.put(due, after)
            info = made.info if len(due) == len(later) else {}
            plan = Plan(
                later.index_copy(0, there, made.actions),
                plan.cost.index_copy(0, there, made.cost),
                kept,
                info,
            )
        return plan, Following(kept, plan.actions, warm.age + 1)
