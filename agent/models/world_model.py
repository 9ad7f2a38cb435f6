"""The latent world model: encode what is seen, remember it, imagine what follows. Joint embedding: it predicts latents, never pixels.

A frame's embedding does not show velocity; the latent z is made from the last K embeddings, so that it can. At rest all K are equal,
which is how a goal is encoded from one observation.

Shapes: B batch or problems, T model steps, N candidates, H horizon, A action block, E ensemble members, F frame embedding,
K history, D latent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latent_mpc.agent.models.ensemble import StackedLinear, ensemble
from latent_mpc.agent.models.networks import PixelEncoder, StateEncoder, mlp
from latent_mpc.configs.errors import LatentMPCError

Observation = Mapping[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass
class ModelConfig:
    """Sizes of the world model."""

    embedding: int = 64  # width of one frame's embedding
    latent: int = 32  # width of the latent z
    history: int = 3  # frames that z is made from [model steps]; 3 show velocity and the last action's effect
    hidden: int = 256  # width of every hidden layer
    octaves: int = 0  # frequencies of the sines and cosines that each number of the state is also given as; for thin walls in a wide world
    width: int = 32  # channels of the pixel encoder's first convolution
    ensemble: int = 1  # number of predictors; their disagreement shows where data are sparse (cost.disagreement)
    dropout: float = 0.0  # dropout rate of the predictor's hidden units in training

    def __post_init__(self) -> None:
        for name in ("embedding", "latent", "history", "hidden", "width", "ensemble"):
            if getattr(self, name) < 1:
                raise LatentMPCError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.octaves < 0:
            raise LatentMPCError(f"octaves must be at least 0, got {self.octaves}")
        if not 0 <= self.dropout < 1:
            raise LatentMPCError(f"dropout must be a share in [0, 1), got {self.dropout}")


class Memory(NamedTuple):
    """What the agent remembers of B episodes: a value, never changed in place."""

    frames: Float[Tensor, "B K F"]  # newest last
    z: Float[Tensor, "B D"]  # the state of belief
    fresh: Bool[Tensor, " B"]  # nothing observed yet

    def select(self, index: Int[Tensor, " M"]) -> Memory:
        """The memory of some episodes."""
        return Memory(*(part[index] for part in self))

    def put(self, index: Int[Tensor, " M"], other: Memory) -> Memory:
        """This memory with episodes `index` replaced by those of `other`."""
        return Memory(*(part.index_copy(0, index, new) for part, new in zip(self, other, strict=True)))

    def reset(self, mask: Bool[Tensor, " B"]) -> Memory:
        """Forget the episodes where mask is true."""
        return self._replace(fresh=self.fresh | mask)


class WorldModel(nn.Module):
    """Encoders, memory, predictor and inverse model.

    Args:
        config: sizes.
        shapes: of each observation key: `{"state": (S,), "pixels": (H, W, C)}`, one or both.
        actions: width A of an action block.

    Raises:
        ValueError: no observation, or pixels whose sides are no multiple of 16.
    """

    def __init__(self, config: ModelConfig, shapes: Shapes, actions: int) -> None:
        super().__init__()
        self.config, self.shapes, self.actions = config, dict(shapes), actions
        self.encoders = nn.ModuleDict({key: self._encoder(key, shape) for key, shape in sorted(shapes.items())})
        if not self.encoders:
            raise LatentMPCError("the world model needs an observation: state, pixels or both")
        self.fuse = mlp(config.history * config.embedding, config.latent, config.hidden)
        # Unit variance from the first step on: without it the latent stays collapsed for hundreds of steps (docs/log.md).
        self.normalise = nn.BatchNorm1d(config.latent, affine=False, momentum=0.05)
        sizes = (config.latent + actions, config.latent, config.hidden)
        one = config.ensemble == 1
        self.predictor = mlp(*sizes, dropout=config.dropout) if one else ensemble(config.ensemble, *sizes, dropout=config.dropout)
        last = self.predictor[-1]
        assert isinstance(last, (nn.Linear, StackedLinear))
        nn.init.zeros_(last.weight)  # begins as "nothing changes"
        nn.init.zeros_(last.bias)
        self.inverse = mlp(2 * config.latent, actions, config.hidden)

    def _encoder(self, key: str, shape: tuple[int, ...]) -> nn.Module:
        if key == "state":
            return StateEncoder(shape[0], self.config.embedding, self.config.hidden, self.config.octaves)
        if shape[0] != shape[1] or shape[0] % 16:
            raise LatentMPCError(f"pixels must be square with a side that is a multiple of 16, got {shape}")
        return PixelEncoder(shape[0], shape[2], self.config.embedding, self.config.width)

    def embed(self, obs: Observation) -> Float[Tensor, "B F"]:
        """Embedding of single observations; several keys are added up."""
        return torch.stack([encoder(obs[key]) for key, encoder in self.encoders.items()]).sum(dim=0)

    def encode(self, obs: Observation) -> Float[Tensor, "B T D"]:
        """Latents of windows `[B, K - 1 + T, ...]` of observations: the first K - 1 frames serve as history only."""
        first = next(iter(obs.values()))
        batch, steps = first.shape[:2]
        frames = self.embed({key: value.flatten(0, 1) for key, value in obs.items()}).view(batch, steps, -1)
        return self.believe(frames.unfold(1, self.config.history, 1).transpose(-1, -2))

    def believe(self, frames: Float[Tensor, "*B K F"]) -> Float[Tensor, "*B D"]:
        """The latent of K successive frame embeddings, newest last."""
        z = self.fuse(frames.flatten(-2))
        return self.normalise(z.flatten(0, -2)).view(z.shape)

    def spread(self) -> Float[Tensor, ""]:
        """Mean standard deviation of the latent's dimensions before normalisation, a running average."""
        variance = self.normalise.running_var
        assert variance is not None  # it always tracks
        return variance.sqrt().mean()

    def predict(self, z: Float[Tensor, "*B D"], action: Float[Tensor, "*B A"]) -> Float[Tensor, "*B D"]:
        """The latent one model step later; of an ensemble, latents and actions have the members first."""
        return z + self.predictor(torch.cat([z, action], dim=-1))

    def rollout(self, z: Float[Tensor, "*B D"], actions: Float[Tensor, "*B H A"]) -> Float[Tensor, "*B H D"]:
        """Latents after each of H actions."""
        latents = []
        for action in actions.unbind(dim=-2):
            z = self.predict(z, action)
            latents.append(z)
        return torch.stack(latents, dim=-2)

    def futures(self, z: Float[Tensor, "*B D"], actions: Float[Tensor, "*B H A"]) -> Float[Tensor, "E *B H D"]:
        """Latents after each of H actions, as each member of the ensemble imagines them, on its own all the way."""
        members = self.config.ensemble
        if members == 1:
            return self.rollout(z, actions)[None]
        return self.rollout(z.expand(members, *z.shape), actions.expand(members, *actions.shape))

    def invert(self, z: Float[Tensor, "*B D"], z_next: Float[Tensor, "*B D"]) -> Float[Tensor, "*B A"]:
        """The action that led from one latent to the next, as far as they show it."""
        return self.inverse(torch.cat([z, z_next], dim=-1))

    # The seam to the agent

    def memory(self, batch: int) -> Memory:
        """The memory of B episodes in which nothing has been observed."""
        config, like = self.config, next(self.parameters())
        frames = like.new_zeros(batch, config.history, config.embedding)
        return Memory(frames, like.new_zeros(batch, config.latent), torch.ones(batch, dtype=torch.bool, device=like.device))

    def observe(self, memory: Memory, obs: Observation, action: Float[Tensor, "B A"] | None = None) -> Memory:
        """Remember one observation `[B, ...]`, a model step after the last; the first of an episode counts as seen at rest.

        `action` is what was done since; this memory of frames does not need it, a recurrence would.
        """
        new = self.embed(obs)[:, None]
        shifted = torch.cat([memory.frames[:, 1:], new], dim=1)
        frames = torch.where(memory.fresh[:, None, None], new.expand_as(shifted), shifted)
        return Memory(frames, self.believe(frames), torch.zeros_like(memory.fresh))

    def encode_goal(self, obs: Observation) -> Float[Tensor, "B D"]:
        """The latent of goals `[B, ...]` at rest."""
        frame = self.embed(obs)
        return self.believe(frame[:, None].expand(-1, self.config.history, -1))

    def imagine(self, memory: Memory, actions: Float[Tensor, "B N H A"]) -> Float[Tensor, "E B N H D"]:
        """Imagined rollouts from what is remembered, under N plans per problem."""
        z = memory.z[:, None].expand(-1, actions.shape[1], -1)
        return self.futures(z, actions)
