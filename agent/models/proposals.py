"""Goal-conditioned plan proposals (amortised warm start): a small network maps latent and goal to candidates of the search.

It imitates what was done on the way to states that were reached later (hindsight), but not all of it alike: a piece of experience counts
by how little it wasted on its way, as the learned cost-to-go sees it (advantage-weighted regression, Peng et al. 2019). Several plans
come from several heads of which each piece teaches the nearest one (winner takes all, Lee et al. 2016): to the left and to the right of a
wall, not their mean; no random numbers are needed. The planner evaluates them like any other candidate, so a bad one costs a sample.

Shapes: B batch, P plans, H horizon, A action block, D latent.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.errors import LatentMPCError

LOSERS = 0.05  # weight of the heads that are not nearest, so that none is left behind


@dataclass
class ProposalsConfig:
    """Size and training of the network that proposes plans to the planner."""

    samples: int = 0  # plans proposed at each decision, at most half of the planner's candidates; 0 = none, and no network
    horizon: int = 3  # length of a proposal, whatever the planner's horizon [model steps]
    hidden: int = 256  # width of the hidden layers
    steps: int = 4000  # number of updates
    batch: int = 512  # trajectory segments per update
    learning_rate: float = 1e-3  # initial learning rate of Adam, decayed to a tenth by a cosine
    temperature: float = 1.0  # advantage temperature: wasted steps at which a segment counts 1/e [model steps]

    def __post_init__(self) -> None:
        for name, least in (("samples", 0), ("horizon", 1), ("hidden", 1), ("steps", 1), ("batch", 1)):
            if getattr(self, name) < least:
                raise LatentMPCError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.learning_rate <= 0 or self.temperature <= 0:
            raise LatentMPCError(f"learning_rate and temperature must be positive, got {self.learning_rate} and {self.temperature}")


class Proposals(nn.Module):
    """(z, z_goal) -> P plans of H action blocks, the same ones every time."""

    def __init__(self, latent: int, actions: int, config: ProposalsConfig) -> None:
        super().__init__()
        self.config, self.shape = config, (config.samples, config.horizon, actions)
        self.layers = mlp(2 * latent, config.samples * config.horizon * actions, config.hidden)

    def forward(self, z: Float[Tensor, "B D"], z_goal: Float[Tensor, "B D"]) -> Float[Tensor, "B P H A"]:
        return self.layers(torch.cat([z, z_goal], dim=-1)).unflatten(-1, self.shape)

    def plans(self, z: Float[Tensor, "B D"], z_goal: Float[Tensor, "B D"], horizon: int) -> Float[Tensor, "B P H A"]:
        """Proposals for a planner of any horizon: cut off, or at rest beyond their own."""
        plans = self(z, z_goal)[:, :, :horizon]
        return nn.functional.pad(plans, (0, 0, 0, horizon - plans.shape[2]))


def nearest_loss(
    plans: Float[Tensor, "B P H A"], done: Float[Tensor, "B H A"], wasted: Float[Tensor, " B"], temperature: float
) -> Float[Tensor, ""]:
    """Squared error of the head nearest to what was done, weighted by exp(-wasted / temperature), weights of mean one.

    Args:
        wasted: steps that the piece took more than it came nearer to the goal [model steps].
    """
    weight = torch.softmax(-wasted / temperature, dim=0) * len(wasted)
    error = (plans - done[:, None]).square().mean(dim=(-1, -2))  # (B, P)
    return (weight * ((1 - LOSERS) * error.amin(dim=1) + LOSERS * error.mean(dim=1))).mean()
