"""The cost-to-go of a goal in part: how many model steps until what counts is at the goal, wherever
the rest is then. Trained on frozen latents of random rollouts, without reward.

The quasimetric of `cost_to_go.py` measures between whole states. Here a goal is only the numbers
on which success depends, as the reader tells them (goal-conditioned temporal differences with
hindsight goals, Andrychowicz et al. 2017, by expectile regression, Kostrikov et al. 2022). A step
counts as arrived when they are nearer to the goal than they usually move in one. Of two networks
that one counts which says more (as clipped double Q-learning, Fujimoto et al. 2018): the lowest
that one of them says where data are few are valleys in which plans end (docs/log.md).

Shapes: N rows of data, D latent, C numbers on which success depends, K networks.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.cost_to_go_fit import expectile_loss, follow
from latent_mpc.agent.heads.head import FrozenData, Head, MakeTrainer, Schedule, Sizes
from latent_mpc.agent.heads.reader import Reader
from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.checks import above, at_least
from latent_mpc.configs.errors import LatentMPCError

SCALE = 10.0  # [model steps] typical value, so that the network's outputs are of order one
MOVING = 0.1  # of what is a large change: from here on what counts is moving
LEAST = 1e-3  # of a standardised number in a step: what changes less is noise or constant
NEVER = 1e6  # a usual change beside which no error counts
CHUNK = 65_536  # rows that are read at a time
IMAGINED = 0.5  # share of latents that are given as imagined from before, as plans have them


@dataclass
class ValueConfig:
    """Size and training of the cost-to-go of a goal in part."""

    hidden: int = 256  # width of the hidden layers
    # number of temporal-difference updates; 0 = no such head. A T is at its goal in 78 % of pairs
    # with 5000, in 90 with 15 000, in 85 with 30 000 (docs/log.md)
    steps: int = 15_000
    networks: int = 2  # number of networks; the one counts that says more
    batch: int = 512  # transitions per update, each with a goal of its own
    learning_rate: float = 1e-3  # initial learning rate of Adam, falling by a cosine
    expectile: float = 0.05  # below 0.5 biases towards the shortest way
    hindsight: float = 0.5  # share of goals from later in the same episode; others from anywhere
    reach: int = 40  # how much later at most [model steps]
    target_rate: float = 0.03  # Polyak rate of the target network

    def __post_init__(self) -> None:
        at_least(self, hidden=1, steps=0, networks=1, batch=1, reach=1)
        for name in ("expectile", "target_rate"):
            if not 0 < getattr(self, name) < 1:
                raise LatentMPCError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not 0 <= self.hindsight <= 1:
            raise LatentMPCError(f"hindsight must lie in [0, 1], got {self.hindsight}")
        above(self, learning_rate=0)


class Value(Head):
    """(z, what counts of it, of the goal) -> model steps, the larger of what its networks say."""

    name: ClassVar[str] = "value"
    Config = ValueConfig
    config: ValueConfig
    unit: Tensor

    def __init__(self, latent: int, counted: int, config: ValueConfig) -> None:
        super().__init__()
        self.config = config
        made = [mlp(latent + counted + 1, 1, config.hidden) for _ in range(config.networks)]
        # one alone has the names that it had in checkpoints before there were several
        self.layers = nn.ModuleList(made) if len(made) > 1 else made[0]
        # what each number that counts changes in a step while they move; 0 = nothing was learned
        self.register_buffer("unit", torch.ones(counted))

    @classmethod
    def build(cls, sizes: Sizes, config: ValueConfig) -> Value | None:
        """None where the whole state counts."""
        return cls(sizes.latent, sizes.counted, config) if sizes.counted and config.steps else None

    @property
    def knows(self) -> bool:
        """False once its data did not tell what counts, or nothing that counts moved in them."""
        return bool(self.unit.any())

    def error(
        self, now: Float[Tensor, "*#B C"], goal: Float[Tensor, "*#B C"]
    ) -> Float[Tensor, "*#B"]:
        """How far what counts is from the goal, in usual steps of it."""
        return ((now - goal) / self.unit).square().sum(dim=-1).sqrt()

    def forward(
        self, z: Float[Tensor, "*B D"], now: Float[Tensor, "*B C"], goal: Float[Tensor, "*#B C"]
    ) -> Float[Tensor, "*B"]:
        return self.each(z, now, goal).amax(dim=-1)

    def each(
        self, z: Float[Tensor, "*B D"], now: Float[Tensor, "*B C"], goal: Float[Tensor, "*#B C"]
    ) -> Float[Tensor, "*B K"]:
        """What each network says."""
        near = torch.log1p(self.error(now, goal))[..., None]
        seen = torch.cat([z, goal.expand(now.shape), near], dim=-1)
        networks = self.layers if isinstance(self.layers, nn.ModuleList) else [self.layers]
        return SCALE * softplus(torch.cat([one(seen) for one in networks], dim=-1))

    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """Temporal differences, towards goals of the same episode and of any other."""
        self.unit.zero_()
        reader, config, z, last = others["reader"], self.config, data.z, data.last
        assert isinstance(reader, Reader)
        if not reader.knows:
            return
        imagined = data.imagined(1)
        imagined = z if imagined is None else imagined
        with torch.no_grad():
            counts, thought = (
                torch.cat([reader(some) for some in seen.split(CHUNK)]) for seen in (z, imagined)
            )
        rows = np.flatnonzero(np.arange(len(z)) < last)  # that have a successor
        unit = usual_change(counts[rows + 1] - counts[rows])
        if not unit.all():
            return
        self.unit.copy_(unit)
        slow = copy.deepcopy(self).requires_grad_(False)
        both = nn.ModuleDict({"online": self, "target": slow})
        schedule = Schedule(
            updates or config.steps, config.learning_rate, final=0.05, weight_decay=0.0, clip=10.0
        )
        for step in trainer("value", both, schedule):
            follow(slow, self, config.target_rate if step.number else 1.0)
            rng = step.rng
            row = rows[rng.integers(len(rows), size=config.batch)]
            span = np.minimum(last[row] - row, config.reach)
            later = row + 1 + (rng.random(config.batch) * span).astype(np.int64)
            other = rng.integers(len(z), size=config.batch)
            # where it stands still, what comes later says nothing
            moved = (self.error(counts[later], counts[row]) >= 1).cpu().numpy()
            hindsight = moved & (rng.random(config.batch) < config.hindsight)
            goal = counts[ranks.own(np.where(hindsight, later, other))]
            row, whether = ranks.own(row), ranks.own(rng.random((config.batch, 1)) < IMAGINED)
            which = torch.as_tensor(whether, device=z.device)
            now, then = (
                (torch.where(which, imagined[r], z[r]), torch.where(which, thought[r], counts[r]))
                for r in (row, row + 1)
            )
            with torch.no_grad():
                arrived = self.error(counts[row + 1], goal) < 1
                target = 1.0 + torch.where(arrived, 0.0, slow(*then, goal))
                target = torch.where(self.error(counts[row], goal) < 1, 0.0, target)
            said = self.each(*now, goal)
            loss = config.networks * expectile_loss(
                said / SCALE, target[:, None] / SCALE, config.expectile
            )
            step.minimise({"loss": loss, "mean": said.mean()})


def usual_change(change: Float[Tensor, "M C"]) -> Float[Tensor, " C"]:
    """Root mean square of each number's changes in the steps in which they move at all; NEVER below
    LEAST, as a number that never changes must not matter, nor what a reader of it is off by. Zero
    where none of them ever moves.
    """
    size = change.norm(dim=-1)
    moving = size > MOVING * torch.quantile(size[:: -(-len(size) // 1_000_000)], 0.99)
    if not moving.any():
        return 0 * change[0]
    usual = change[moving].square().mean(dim=0).sqrt()
    return torch.where(usual > LEAST, usual, NEVER)
