"""The contract of a world model: all that anyone outside models/ may call. A family is one file
beside this one, `model=NAME`.

A family derives from `WorldModel`, has a `name`, and a dataclass `Config` called NAMEConfig;
packages bring theirs by the entry points `latent_mpc.models`.

Shapes: B problems, T model steps, K history, N candidates, H horizon, A action block, E ensemble
members, D latent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latent_mpc.configs.plugins import registered

Observation = Mapping[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]


class Memory(Protocol):
    """What the agent remembers of B episodes: a value of tensors, B first, never changed in
    place.
    """

    @property
    def z(self) -> Float[Tensor, "B D"]:
        """The state of belief, velocity included."""

    def select(self, index: Int[Tensor, " M"]) -> Memory:
        """The memory of some episodes."""

    def put(self, index: Int[Tensor, " M"], other: Any) -> Memory:
        """This memory with episodes `index` replaced by those of `other`."""

    def reset(self, mask: Bool[Tensor, " B"]) -> Memory:
        """Forget the episodes where mask is true."""

    def _replace(self, *, z: Float[Tensor, "B D"]) -> Memory:
        """With another belief, as named tuples have it."""


class Loss(NamedTuple):
    """What a training step minimises and logs, and the latents that it came from."""

    terms: dict[str, Tensor]  # "loss", and each term by itself
    z: Float[Tensor, "B T D"]


class WorldModel(nn.Module, ABC):
    """A model that encodes what is seen, remembers it, and imagines what follows.

    Args:
        config: of its class's `Config`.
        shapes: of each observation key: `{"state": (S,), "pixels": (H, W, C)}`, one or both.
        actions: width A of an action block.
    """

    name: ClassVar[str]
    Config: ClassVar[type]
    config: Any
    shapes: Shapes
    actions: int
    latent: int  # D
    history: int  # K: frames that the first latent of a window takes
    members: int  # E

    def __init__(self, config: Any, shapes: Shapes, actions: int) -> None:
        super().__init__()
        self.config, self.shapes, self.actions = config, dict(shapes), actions

    # Planning

    @abstractmethod
    def memory(self, batch: int) -> Memory:
        """The memory of B episodes in which nothing has been observed."""

    @abstractmethod
    def observe(
        self, memory: Any, obs: Observation, action: Float[Tensor, "B A"] | None = None
    ) -> Memory:
        """Remember one observation `[B, ...]`, a model step after the last; the first of an episode
        counts as seen at rest.

        `action` is what was done since.
        """

    @abstractmethod
    def encode_goal(self, obs: Observation) -> Float[Tensor, "B D"]:
        """The latent of goals `[B, ...]` at rest."""

    @abstractmethod
    def rollout_ensemble(
        self, z: Float[Tensor, "*B D"], actions: Float[Tensor, "*B H A"]
    ) -> Float[Tensor, "E *B H D"]:
        """Latents after each of H actions from given ones, as each member of the ensemble imagines
        them.
        """

    def imagine(self, memory: Any, actions: Float[Tensor, "B N H A"]) -> Float[Tensor, "E B N H D"]:
        """Imagined rollouts from what is remembered, under N plans per problem."""
        return self.rollout_ensemble(memory.z[:, None].expand(-1, actions.shape[1], -1), actions)

    def search_copy(self, bf16: bool, compile: bool) -> WorldModel:
        """A copy that imagines faster, in bf16 or compiled; what it imagines needs no gradient.
        This one where there is none.
        """
        return self

    # Training

    @abstractmethod
    def loss(
        self,
        obs: Observation,
        actions: Float[Tensor, "B T A"],
        *,
        progress: float,
        generator: torch.Generator,
        bf16: bool = False,
    ) -> Loss:
        """The loss of windows `[B, T + 1, ...]` of observations and the actions between them; the
        first K - 1 frames are history only.

        Args:
            progress: share of training that is over, in [0, 1].
            generator: of all random numbers.
            bf16: whether pictures are encoded in bf16.
        """

    @abstractmethod
    def encode_episode(self, obs: Observation) -> Float[Tensor, "T D"]:
        """Latents of a whole episode `[T, ...]`, as `observe` would give them one by one."""

    @abstractmethod
    def spread(self) -> Float[Tensor, ""]:
        """Mean standard deviation of the latent's dimensions before any normalisation, which hides
        a collapse by amplifying noise.
        """

    def frozen_encoders(self) -> dict[str, tuple[str, Callable[[Tensor], Tensor]]]:
        """Observation key -> (digest, function to features `[B, W]`) of encoders that are not
        trained; they take these in its place.
        """
        return {}

    def fit_normalisers(self, sample: Callable[[str], Tensor]) -> None:
        """Take what is to be known of the data beforehand; `sample(key)` gives observations `[N,
        ...]` of training episodes.
        """


def models() -> dict[str, type[WorldModel]]:
    """Every family by name."""
    return registered("latent_mpc.agent.models", WorldModel, "latent_mpc.models")
