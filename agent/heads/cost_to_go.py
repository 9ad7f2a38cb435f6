"""A learned distance between latents: how many model steps the robot needs from one to the other,
as far as its data tell.

Raw latent distance leads into dead ends (a wall, a joint limit). This network is trained on frozen
latents of random rollouts, without reward (`cost_to_go_fit.py`). Its form is a quasimetric (MRN,
Liu et al. 2023): zero for equal latents, never negative, obeying the triangle inequality, different
there and back.

Shapes: B batch, D latent, M metric embedding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.heads.cost_to_go_fit import fit_cost_to_go
from latent_mpc.agent.heads.head import FrozenData, Head, MakeTrainer, Sizes
from latent_mpc.agent.models.networks import mlp
from latent_mpc.agent.models.search_copy import search_copy
from latent_mpc.configs.checks import above, at_least
from latent_mpc.configs.errors import LatentMPCError

ROWS = 32  # starts compared with all goals at a time: their differences stay in the cache


@dataclass
class CostToGoConfig:
    """Size and training of the learned cost-to-go."""

    hidden: int = 256  # width of the hidden layers
    metric: int = 64  # width of the embeddings between which it measures
    steps: int = 6000  # number of temporal-difference updates
    batch: int = 256  # transitions per update
    goals: int = 64  # random goals that all transitions of an update share
    learning_rate: float = 1e-3  # initial learning rate of Adam, decayed to a twentieth by a cosine
    expectile: float = (
        # expectile; below 0.5 biases towards the shortest observed path (0.1 with n_step=5 left
        # local minima near the goal)
        0.03
    )
    # length of the n-step bootstrap [model steps]; its random actions lengthen the path
    n_step: int = 1
    # weight of hindsight goals, from later in the same episode; random goals have the rest
    hindsight: float = 0.5
    clamp: float = 150.0  # largest bootstrap target [model steps]
    # Polyak rate of the target network; 0.01 is too slow for a large maze (docs/log.md)
    target_rate: float = 0.03
    # latents between which shortest paths are found, for far distances; 0 = skip that phase
    landmarks: int = 2000
    near: float = 5.0  # distance up to which landmarks are joined [model steps]
    path_share: float = 0.5  # updates towards the shortest paths [share of `steps`]

    def __post_init__(self) -> None:
        at_least(self, hidden=1, metric=1, steps=1, batch=1, goals=1, n_step=1, landmarks=0)
        for name in ("expectile", "target_rate"):
            if not 0 < getattr(self, name) < 1:
                raise LatentMPCError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not 0 <= self.hindsight <= 1:
            raise LatentMPCError(f"hindsight must lie in [0, 1], got {self.hindsight}")
        above(self, learning_rate=0, clamp=0, near=0, path_share=0)


class CostToGo(Head):
    """d(z, goal) in model steps: Euclidean distance of one embedding plus the largest rise of
    another, `max relu(a(z) - a(goal))`.
    """

    name: ClassVar[str] = "cost_to_go"
    Config = CostToGoConfig
    config: CostToGoConfig

    def __init__(self, latent: int, config: CostToGoConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = mlp(latent, 2 * config.metric, config.hidden)
        # [model steps] typical distance, so that the network's outputs are of order one
        self.scale = 10.0

    @classmethod
    def build(cls, sizes: Sizes, config: CostToGoConfig) -> CostToGo:
        return cls(sizes.latent, config)

    def embed(self, z: Float[Tensor, "*B D"]) -> Float[Tensor, "*B M2"]:
        """Both embeddings side by side. A goal's is computed once and compared with many."""
        return self.layers(z)

    def between(
        self, start: Float[Tensor, "*#B M2"], goal: Float[Tensor, "*#B M2"]
    ) -> Float[Tensor, "*#B"]:
        """Distance [model steps] between embedded latents."""
        there, back = (start - goal).chunk(2, dim=-1)
        # the gradient of a root at zero is infinite
        symmetric = (there.square().sum(dim=-1) + 1e-8).sqrt()
        return self.scale * (symmetric / there.shape[-1] ** 0.5 + back.amax(dim=-1).relu())

    def pairwise(
        self, start: Float[Tensor, "B M2"], goal: Float[Tensor, "G M2"]
    ) -> Float[Tensor, "B G"]:
        """Distances [model steps] from each to each, as `between` has them, several times faster
        for many.

        Without the 1e-8 under its root, which tells at distances below 1e-3: embeddings that only
        rounding sets apart have a finite slope, but in any direction.
        """
        (there, rising), (end, reference) = start.chunk(2, dim=-1), goal.chunk(2, dim=-1)
        # products would cancel where near
        symmetric = torch.cdist(there, end, compute_mode="donot_use_mm_for_euclid_dist")
        return self.scale * (
            symmetric / there.shape[-1] ** 0.5 + _LargestRise.apply(rising, reference).relu()
        )

    def forward(self, z: Float[Tensor, "*B D"], goal: Float[Tensor, "*B D"]) -> Float[Tensor, "*B"]:
        return self.between(self.embed(z), self.embed(goal))

    def fit(
        self, data: FrozenData, others: Mapping[str, Head], trainer: MakeTrainer, updates: int = 0
    ) -> None:
        """See `cost_to_go_fit.py`."""
        fit_cost_to_go(self, data.z, data.last, trainer, updates)

    def search_copy(self, bf16: bool, compile: bool) -> CostToGo:
        """A copy that embeds faster, in bf16 or compiled; no gradient is taken of it."""
        return search_copy(self, "layers", "embed", bf16=bf16, compile=compile)


class _LargestRise(torch.autograd.Function):
    """`max over M of a - b` of each pair. Autograd would hold all differences, `[B, G, M]`, several
    times; here one chunk of them lives.
    """

    @staticmethod
    def forward(ctx: Any, a: Float[Tensor, "B M"], b: Float[Tensor, "G M"]) -> Float[Tensor, "B G"]:
        if not any(ctx.needs_input_grad):
            return torch.cat([(some[:, None] - b).amax(dim=-1) for some in a.split(ROWS)])
        rises = [(some[:, None] - b).max(dim=-1) for some in a.split(ROWS)]
        largest, ctx.where = (
            torch.cat([one.values for one in rises]),
            torch.cat([one.indices for one in rises]),
        )
        ctx.width = a.shape[-1]
        return largest

    @staticmethod
    def backward(
        ctx: Any, gradient: Float[Tensor, "B G"]
    ) -> tuple[Float[Tensor, "B M"], Float[Tensor, "G M"]]:
        a, b = (gradient.new_zeros(len(one), ctx.width) for one in (gradient, gradient.T))
        return a.scatter_add_(1, ctx.where, gradient), b.scatter_add_(1, ctx.where.T, -gradient.T)
