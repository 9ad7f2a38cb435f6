"""What families that imagine by one network share: the change of the latent in a step, the members
of an ensemble, copies for the search.

Shapes: B batch or problems, H horizon, A action block, E ensemble members, D latent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent import ranks
from latent_mpc.agent.models.base import Shapes, WorldModel
from latent_mpc.agent.models.ensemble import ensemble
from latent_mpc.agent.models.networks import mlp
from latent_mpc.agent.models.search_copy import search_copy
from latent_mpc.configs.checks import at_least
from latent_mpc.configs.errors import LatentMPCError


@dataclass
class PredictorConfig:
    """Sizes of a world model whose predictor is all that is large in it."""

    hidden: int = 256  # width of every hidden layer
    # number of predictors; their disagreement shows where data are sparse (cost.disagreement)
    ensemble: int = 1
    dropout: float = 0.0  # dropout rate of the predictor's hidden units in training

    def __post_init__(self) -> None:
        at_least(self, hidden=1, ensemble=1)
        if not 0 <= self.dropout < 1:
            raise LatentMPCError(f"dropout must be a share in [0, 1), got {self.dropout}")


class Dynamics(WorldModel):
    """A predictor of the latent's change; its config has `hidden`, `ensemble` and `dropout`."""

    predictor: nn.Module

    def __init__(self, config: Any, shapes: Shapes, actions: int) -> None:
        super().__init__(config, shapes, actions)
        self.members: int = config.ensemble

    def make_predictor(self) -> None:
        """With fresh weights; it begins as "nothing changes". Called once `latent` is known, where
        its weights are due to be drawn.
        """
        sizes = (self.latent + self.actions, self.latent, self.config.hidden)
        if self.members == 1:
            self.predictor = mlp(*sizes, dropout=self.config.dropout, zero_last=True)
        else:
            self.predictor = ensemble(
                self.members, *sizes, dropout=self.config.dropout, zero_last=True
            )

    def predict(
        self, z: Float[Tensor, "*B D"], action: Float[Tensor, "*B A"]
    ) -> Float[Tensor, "*B D"]:
        """The latent one model step later; of an ensemble, latents and actions have the members
        first.
        """
        return z + self.predictor(torch.cat([z, action], dim=-1))

    def rollout(
        self, z: Float[Tensor, "*B D"], actions: Float[Tensor, "*B H A"]
    ) -> Float[Tensor, "*B H D"]:
        """Latents after each of H actions."""
        latents = []
        for action in actions.unbind(dim=-2):
            z = self.predict(z, action)
            latents.append(z)
        return torch.stack(latents, dim=-2)

    def rollout_ensemble(
        self, z: Float[Tensor, "*B D"], actions: Float[Tensor, "*B H A"]
    ) -> Float[Tensor, "E *B H D"]:
        """Each member on its own all the way."""
        if self.members == 1:
            return self.rollout(z, actions)[None]
        return self.rollout(
            z.expand(self.members, *z.shape), actions.expand(self.members, *actions.shape)
        )

    def search_copy(self, bf16: bool, compile: bool) -> Dynamics:
        """The predictor in bf16, the rollout compiled."""
        return search_copy(self, "predictor", "rollout", bf16=bf16, compile=compile)

    @contextmanager
    def dropout_from(self, generator: torch.Generator) -> Iterator[None]:
        """Dropout draws from torch's global stream: within, that stream begins with the generator's
        seed, of each rank its own, afterwards it is as before.
        """
        if not self.config.dropout:
            yield
            return
        device = generator.device
        with torch.random.fork_rng(
            [] if device.type == "cpu" else [device], device_type=device.type
        ):
            torch.manual_seed(generator.initial_seed() + ranks.rank())
            yield
