"""`model=identity`: the latent is the state itself, standardised; what is learned is how it moves.
From states alone.

Where the state shows positions and velocities, as most simulators and drivers give them, there is
nothing to encode. Errors count in units of each number's own change in a step, so that slow ones
are learned as well as fast ones. No regulariser: such a latent cannot collapse.

Shapes: B batch, T model steps, A action block, E ensemble members, S observed state, which is D
latent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latent_mpc.agent import ranks
from latent_mpc.agent.models.base import Loss, Observation, Shapes
from latent_mpc.agent.models.dynamics import Dynamics, PredictorConfig
from latent_mpc.configs.errors import LatentMPCError

LEAST_CHANGE = 1e-3  # of a standardised number in a step: what changes less is noise or constant
# of the median standard deviation: below it a number is noise of the solver, in which a state at
# rest lies far from all data (a Fetch's torso: 4 of its own, a finger 40)
HARDLY = 0.01
RATE = 0.05  # of the moving average of changes


@dataclass
class IdentityConfig(PredictorConfig):
    """Sizes of the world model."""


class StateMemory(NamedTuple):
    """The last state of B episodes."""

    z: Float[Tensor, "B D"]

    def select(self, index: Int[Tensor, " M"]) -> StateMemory:
        """The memory of some episodes."""
        return StateMemory(self.z[index])

    def put(self, index: Int[Tensor, " M"], other: StateMemory) -> StateMemory:
        """This memory with episodes `index` replaced by those of `other`."""
        return StateMemory(self.z.index_copy(0, index, other.z))

    def reset(self, mask: Bool[Tensor, " B"]) -> StateMemory:
        """There is nothing to forget: the next state says all."""
        return self


class Identity(Dynamics):
    """Raises ValueError unless states, and states alone, are seen."""

    name: ClassVar[str] = "identity"
    Config = IdentityConfig
    config: IdentityConfig
    history: int = 1
    mean: Tensor
    std: Tensor
    change: Tensor

    def __init__(self, config: IdentityConfig, shapes: Shapes, actions: int) -> None:
        super().__init__(config, shapes, actions)
        if tuple(shapes) != ("state",):
            raise LatentMPCError(
                "model=identity sees states and nothing else: give obs=state, got"
                f" {'+'.join(shapes)}"
            )
        (self.latent,) = shapes["state"]
        self.register_buffer("mean", torch.zeros(self.latent))
        self.register_buffer("std", torch.ones(self.latent))
        # of each number in a step, its standard deviation in training
        self.register_buffer("change", torch.zeros(self.latent))
        self.make_predictor()

    def fit_normalisers(self, sample: Callable[[str], Tensor]) -> None:
        """Mean and standard deviation of the data; what hardly moves beside the others is not made
        as large as they are, and a constant number is left unscaled.
        """
        states = sample("state")
        self.mean.copy_(states.mean(dim=0))
        std = states.std(dim=0)
        moving = std > 1e-6
        if moving.any():
            std = std.clamp_min(HARDLY * std[moving].median())
        self.std.copy_(torch.where(moving, std, torch.ones_like(std)))

    def encode(self, state: Float[Tensor, "*B S"]) -> Float[Tensor, "*B D"]:
        """Standardised."""
        return (state - self.mean) / self.std

    def predict(
        self, z: Float[Tensor, "*B D"], action: Float[Tensor, "*B A"]
    ) -> Float[Tensor, "*B D"]:
        """The predictor gives changes in units of the usual one."""
        return z + self.change.clamp_min(LEAST_CHANGE) * self.predictor(
            torch.cat([z, action], dim=-1)
        )

    def memory(self, batch: int) -> StateMemory:
        """Of zeros."""
        return StateMemory(self.mean.new_zeros(batch, self.latent))

    def observe(
        self, memory: StateMemory, obs: Observation, action: Float[Tensor, "B A"] | None = None
    ) -> StateMemory:
        """The state says all."""
        return StateMemory(self.encode(obs["state"]))

    def encode_goal(self, obs: Observation) -> Float[Tensor, "B D"]:
        return self.encode(obs["state"])

    def encode_episode(self, obs: Observation) -> Float[Tensor, "T D"]:
        return self.encode(obs["state"])

    def spread(self) -> Float[Tensor, ""]:
        """One: it is standardised by the data, not by the batch."""
        return torch.ones(())

    def loss(
        self,
        obs: Observation,
        actions: Float[Tensor, "B T A"],
        *,
        progress: float,
        generator: torch.Generator,
        bf16: bool = False,
    ) -> Loss:
        """Mean squared error of the imagined states, in units of each number's change in a step."""
        z = self.encode(obs["state"])
        if self.training:
            seen = ranks.gather(z.detach()).diff(dim=1).flatten(0, 1).std(dim=0)
            self.change.copy_(torch.where(self.change > 0, self.change.lerp(seen, RATE), seen))
        with self.dropout_from(generator):
            error = (self.rollout_ensemble(z[:, 0], actions) - z[:, 1:]) / self.change.clamp_min(
                LEAST_CHANGE
            )
        return Loss({"loss": error.square().mean()}, z)
