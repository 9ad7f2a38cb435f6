"""Fitting the learned cost-to-go on frozen latents of random rollouts, without reward, in two
phases (`cost_to_go.py` is the network).

1. Temporal differences: expectile regression (Kostrikov et al. 2022, IQL) towards goals from later
   in the same episode (hindsight) and towards goals from anywhere, which all rows of an update
   share: two embeddings give batch x goals pairs.
2. Shortest paths: what phase 1 says of near latents is right long before what it says of far ones.
   Landmarks are joined where it says they are near, shortest paths between them (as in SoRB,
   Eysenbach et al. 2019, but at training time) are what the network is then fitted to, while
   hindsight goals keep the near distances in place. Planning asks the network alone.

Shapes: N rows of data, D latent, L landmarks, B batch, G goals.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.head import MakeTrainer, Schedule
from latent_mpc.configs.seeding import stream

if TYPE_CHECKING:
    from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig

BLOCK = 64  # landmarks between which paths are found at a time


def fit_cost_to_go(
    cost_to_go: CostToGo,
    z: Float[Tensor, "N D"],
    last: np.ndarray,
    trainer: MakeTrainer,
    updates: int = 0,
) -> None:
    """Fit the learned distance; phase 2 is left out where the config asks for no landmarks.

    Args:
        z: latents, the model steps of an episode in succession.
        last: last row of each row's episode, int64 `[N]`.
        updates: of phase 1, if not those of its config; phase 2 is shortened alike.
    """
    config = cost_to_go.config
    fit = _Fit(cost_to_go, z, last)
    steps = updates or config.steps
    for step in trainer("cost_to_go", fit.both, _schedule(config, steps)):
        follow(fit.target, cost_to_go, config.target_rate if step.number else 1.0)
        step.minimise(fit.differences(step.rng))
    if config.landmarks:
        landmarks = stream(trainer.seed, config.landmarks).permutation(fit.starts)[
            : config.landmarks
        ]
        paths = shortest_paths(near_distances(cost_to_go, z[landmarks], config.near))
        rows = torch.as_tensor(landmarks, device=z.device)
        for step in trainer(
            "cost_to_go_paths",
            fit.both,
            _schedule(config, max(1, round(config.path_share * steps))),
        ):
            follow(fit.target, cost_to_go, config.target_rate if step.number else 1.0)
            step.minimise(fit.paths(step.rng, rows, paths))


def _schedule(config: CostToGoConfig, steps: int) -> Schedule:
    return Schedule(steps, config.learning_rate, final=0.05, weight_decay=0.0, clip=10.0)


class _Fit:
    """The terms of both phases. `both` holds the network and the slow copy of it that gives
    targets.
    """

    def __init__(self, cost_to_go: CostToGo, z: Float[Tensor, "N D"], last: np.ndarray) -> None:
        self.online, self.z, self.last = cost_to_go, z, last
        self.config: CostToGoConfig = cost_to_go.config
        self.starts = np.flatnonzero(np.arange(len(z)) < last)  # rows that have a successor
        self.target = copy.deepcopy(cost_to_go).requires_grad_(False)
        self.both = nn.ModuleDict({"online": cost_to_go, "target": self.target})

    def differences(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Phase 1."""
        config = self.config
        row = self.starts[rng.integers(len(self.starts), size=config.batch)]
        goal = self._later(rng, row, self.last[row] - row)
        other = rng.integers(len(self.z), size=config.goals)
        row, goal = ranks.own(row), ranks.own(goal)
        start, ends, others = self.online.embed(self.z[np.concatenate([row, goal, other])]).split(
            [len(row), len(goal), len(other)]
        )
        with torch.no_grad():
            near = self._target(row, np.minimum(config.n_step, goal - row), goal, pairwise=False)
            far = self._target(
                row, np.minimum(config.n_step, self.last[row] - row), other, pairwise=True
            )
        own = self._loss(self.online.between(start, ends), near)
        between = self.online.pairwise(start, others)  # (B, G)
        loss = config.hindsight * own + (1 - config.hindsight) * self._loss(between, far)
        return {"loss": loss, "mean": between.mean()}

    def paths(
        self, rng: np.random.Generator, rows: Int64[Tensor, " L"], lengths: Float[Tensor, "L L"]
    ) -> Mapping[str, Tensor]:
        """Phase 2, given the landmarks' rows and the shortest paths between them, +inf where there
        is none.
        """
        config = self.config
        row = self.starts[rng.integers(len(self.starts), size=config.batch)]
        goal = self._later(rng, row, np.minimum(self.last[row] - row, round(2 * config.near)))
        i, j = (
            rng.integers(len(rows), size=config.batch),
            rng.integers(len(rows), size=config.goals),
        )
        row, goal, i = ranks.own(row), ranks.own(goal), ranks.own(i)
        at = torch.cat(
            [torch.as_tensor(np.concatenate([row, goal]), device=rows.device), rows[i], rows[j]]
        )
        start, end, left, right = self.online.embed(self.z[at]).split(
            [len(row), len(goal), len(i), len(j)]
        )
        with torch.no_grad():
            target = self._target(row, np.minimum(config.n_step, goal - row), goal, pairwise=False)
        near = self._loss(self.online.between(start, end), target)
        path, scale = lengths[i[:, None], j], self.online.scale  # (B, G)
        length = path.clamp(max=config.clamp)
        error = smooth_l1_loss(
            self.online.pairwise(left, right) / scale, length / scale, reduction="none"
        )
        far = torch.where(path.isfinite(), error, 0.0).mean()
        return {"loss": near + far, "near": near, "far": far}

    def _later(self, rng: np.random.Generator, row: np.ndarray, span: np.ndarray) -> np.ndarray:
        """Rows uniform over the `span` that follows each."""
        return row + 1 + (rng.random(len(row)) * span).astype(np.int64)

    def _target(
        self, row: np.ndarray, steps: np.ndarray, goal: np.ndarray, pairwise: bool
    ) -> Tensor:
        """Real steps and, from where they lead, what the slow copy says: `[B]`, or `[B, G]`
        pairwise.
        """
        ahead, end = self.target.embed(self.z[np.concatenate([row + steps, goal])]).split(
            [len(row), len(goal)]
        )
        taken = torch.as_tensor(steps, device=self.z.device, dtype=self.z.dtype)
        if pairwise:
            return (taken[:, None] + self.target.pairwise(ahead, end)).clamp(max=self.config.clamp)
        return (taken + self.target.between(ahead, end)).clamp(max=self.config.clamp)

    def _loss(self, predicted: Tensor, target: Tensor) -> Tensor:
        # errors in units of the typical distance, so that clipping acts as for other networks
        scale = self.online.scale
        return expectile_loss(
            predicted.flatten() / scale, target.flatten() / scale, self.config.expectile
        )


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, rate: float) -> None:
    """Let the target network come after (Polyak averaging); with a rate of 1 it is a copy."""
    for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
        slow.lerp_(fast, rate)


@torch.no_grad()
def near_distances(
    cost_to_go: CostToGo, z: Float[Tensor, "L D"], near: float
) -> Float[Tensor, "L L"]:
    """What the network says of pairs of latents, +inf where it is more than `near` [model
    steps].
    """
    embedded = cost_to_go.embed(z)
    distances = cost_to_go.pairwise(embedded, embedded)
    return torch.where(distances <= near, distances, torch.inf).fill_diagonal_(0.0)


def shortest_paths(lengths: Float[Tensor, "L L"]) -> Float[Tensor, "L L"]:
    """Shortest paths from each to each over edges of these lengths, +inf = none (Floyd 1962;
    Warshall 1962).

    In blocks, which stay in the cache (Venkataraman et al. 2003): first ways through a block's
    nodes for its own rows, then for all others.
    """
    paths = lengths.clone()
    blocks, buffer = paths.split(BLOCK), torch.empty_like(paths[:BLOCK])
    for i, own in enumerate(blocks):
        for rows in (own, *blocks[:i], *blocks[i + 1 :]):
            for k in range(len(own)):
                through = torch.add(rows[:, i * BLOCK + k, None], own[k], out=buffer[: len(rows)])
                torch.minimum(rows, through, out=rows)
    return paths


def expectile_loss(
    predicted: Float[Tensor, " B"], target: Float[Tensor, " B"], expectile: float
) -> Float[Tensor, ""]:
    """Asymmetric squared error (Newey & Powell 1987): with a small expectile, targets below the
    prediction weigh most.
    """
    error = target - predicted
    weight = torch.where(error > 0, expectile, 1.0 - expectile)
    return (weight * error.square()).mean()
