"""Goal-conditioned plan proposals (amortised warm start): a small network maps latent and goal to
candidates of the search.

It imitates what was done on the way to states that were reached later (hindsight), but not all of
it alike: a piece of experience counts by how little it wasted on its way, as the learned cost-to-go
sees it (advantage-weighted regression, Peng et al. 2019). Several plans come from several heads of
which each piece teaches the nearest one (winner takes all, Lee et al. 2016): to the left and to the
right of a wall, not their mean; no random numbers are needed. The planner evaluates them like any
other candidate, so a bad one costs a sample.

Shapes: B batch, P plans, H horizon, A action block, D latent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.cost_to_go import CostToGo
from latent_mpc.agent.heads.head import FrozenData, Head, MakeTrainer, Schedule, Sizes
from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.checks import at_least
from latent_mpc.configs.errors import LatentMPCError

LOSERS = 0.05  # weight of the heads that are not nearest, so that none is left behind


@dataclass
class ProposalsConfig:
    """Size and training of the network that proposes plans to the planner."""

    # plans proposed at each decision, at most half of the planner's candidates; 0 = none, and no
    # network
    samples: int = 0
    horizon: int = 3  # length of a proposal, whatever the planner's horizon [model steps]
    hidden: int = 256  # width of the hidden layers
    steps: int = 4000  # number of updates
    batch: int = 512  # trajectory segments per update
    learning_rate: float = 1e-3  # initial learning rate of Adam, decayed to a tenth by a cosine
    # advantage temperature: wasted steps at which a segment counts 1/e [model steps]
    temperature: float = 1.0

    @property
    def needs(self) -> int:
        """Length that an episode must have [model steps]."""
        return self.horizon if self.samples else 0

    def __post_init__(self) -> None:
        at_least(self, samples=0, horizon=1, hidden=1, steps=1, batch=1)
        if self.learning_rate <= 0 or self.temperature <= 0:
            raise LatentMPCError(
                f"learning_rate and temperature must be positive, got {self.learning_rate} and"
                f" {self.temperature}"
            )


class Proposals(Head):
    """(z, z_goal) -> P plans of H action blocks, the same ones every time."""

    name: ClassVar[str] = "proposals"
    Config = ProposalsConfig
    config: ProposalsConfig

    def __init__(self, latent: int, actions: int, config: ProposalsConfig) -> None:
        super().__init__()
        self.config, self.shape = config, (config.samples, config.horizon, actions)
        self.layers = mlp(2 * latent, config.samples * config.horizon * actions, config.hidden)

    @classmethod
    def build(cls, sizes: Sizes, config: ProposalsConfig) -> Proposals | None:
        return cls(sizes.latent, sizes.actions, config) if config.samples else None

    def forward(
        self, z: Float[Tensor, "B D"], z_goal: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B P H A"]:
        return self.layers(torch.cat([z, z_goal], dim=-1)).unflatten(-1, self.shape)

    def plans(
        self, z: Float[Tensor, "B D"], z_goal: Float[Tensor, "B D"], horizon: int
    ) -> Float[Tensor, "B P H A"]:
        """Proposals for a planner of any horizon: cut off, or at rest beyond their own."""
        plans = self(z, z_goal)[:, :, :horizon]
        return nn.functional.pad(plans, (0, 0, 0, horizon - plans.shape[2]))

    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """Imitate what was done on the way to what was reached later, by how little it wasted as
        the frozen cost-to-go sees it.

        Raises ValueError if no episode has as many steps as a plan.
        """
        cost_to_go = others["cost_to_go"]
        assert isinstance(cost_to_go, CostToGo)
        config, z, last, horizon = self.config, data.z, data.last, self.shape[1]
        # rows with a whole plan behind them
        starts = np.flatnonzero(np.arange(len(z)) + horizon <= last)
        if not len(starts):
            raise LatentMPCError(
                f"proposals need episodes of at least {horizon} model steps; lower"
                " proposals.horizon"
            )
        for step in trainer(
            "proposals", self, Schedule(config.steps, config.learning_rate, final=0.1)
        ):
            row = starts[step.rng.integers(len(starts), size=config.batch)]
            end = row + horizon
            # uniform over what follows
            goal = end + (step.rng.random(config.batch) * (last[row] - end + 1)).astype(np.int64)
            row, end, goal = ranks.own(row), ranks.own(end), ranks.own(goal)
            with torch.no_grad():
                wasted = horizon + cost_to_go(z[end], z[goal]) - cost_to_go(z[row], z[goal])
            done = data.actions[row[:, None] + np.arange(horizon)]
            loss = nearest_loss(self(z[row], z[goal]), done, wasted, config.temperature)
            step.minimise({"loss": loss, "wasted": wasted.mean()})


def nearest_loss(
    plans: Float[Tensor, "B P H A"],
    done: Float[Tensor, "B H A"],
    wasted: Float[Tensor, " B"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Squared error of the head nearest to what was done, weighted by exp(-wasted / temperature),
    weights of mean one over the batch, of several ranks over theirs together.

    Args:
        wasted: steps that the piece took more than it came nearer to the goal [model steps].
    """
    everywhere = ranks.gather(wasted)
    weight = ranks.own(torch.softmax(-everywhere / temperature, dim=0)) * len(everywhere)
    error = (plans - done[:, None]).square().mean(dim=(-1, -2))  # (B, P)
    return (weight * ((1 - LOSERS) * error.amin(dim=1) + LOSERS * error.mean(dim=1))).mean()
