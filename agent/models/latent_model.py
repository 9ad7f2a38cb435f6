"""What the families share: frames are embedded, the last K embeddings make the latent z, a
predictor imagines what follows.

A frame's embedding does not show velocity; z is made from the last K of them, so that it can. At
rest all K are equal, which is how a goal is encoded from one observation. What it is trained on is
the family's: `jepa.py`, `reconstruction.py`.

Shapes: B batch or problems, T model steps, N candidates, H horizon, A action block, E ensemble
members, F frame embedding, K history, D latent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latent_mpc.agent.models.base import Observation, Shapes
from latent_mpc.agent.models.dynamics import Dynamics
from latent_mpc.agent.models.encoders.encoder import Encoder, EncoderConfig, make_encoder
from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.checks import at_least
from latent_mpc.configs.errors import LatentMPCError


@dataclass
class ModelConfig:
    """Sizes of the world model."""

    embedding: int = 64  # width of one frame's embedding
    latent: int = 32  # width of the latent z
    # frames that z is made from [model steps]; 3 show velocity and the last action's effect
    history: int = 3
    hidden: int = 256  # width of every hidden layer
    # frequencies of the sines and cosines that each number of the state is also given as; for thin
    # walls in a wide world
    octaves: int = 0
    width: int = 32  # channels of the pixel encoder's first convolution
    # number of predictors; their disagreement shows where data are sparse (cost.disagreement)
    ensemble: int = 1
    dropout: float = 0.0  # dropout rate of the predictor's hidden units in training
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self) -> None:
        at_least(self, embedding=1, latent=1, history=1, hidden=1, width=1, ensemble=1, octaves=0)
        if not 0 <= self.dropout < 1:
            raise LatentMPCError(f"dropout must be a share in [0, 1), got {self.dropout}")


class FrameMemory(NamedTuple):
    """The last K frames of B episodes and what was made of them."""

    frames: Float[Tensor, "B K F"]  # newest last
    z: Float[Tensor, "B D"]  # the state of belief
    fresh: Bool[Tensor, " B"]  # nothing observed yet

    def select(self, index: Int[Tensor, " M"]) -> FrameMemory:
        """The memory of some episodes."""
        return FrameMemory(*(part[index] for part in self))

    def put(self, index: Int[Tensor, " M"], other: FrameMemory) -> FrameMemory:
        """This memory with episodes `index` replaced by those of `other`."""
        return FrameMemory(
            *(part.index_copy(0, index, new) for part, new in zip(self, other, strict=True))
        )

    def reset(self, mask: Bool[Tensor, " B"]) -> FrameMemory:
        """Forget the episodes where mask is true."""
        return self._replace(fresh=self.fresh | mask)


class LatentModel(Dynamics):
    """Encoders and memory.

    Raises:
        ValueError: no observation, or one that the encoder does not take.
    """

    config: ModelConfig

    def __init__(self, config: ModelConfig, shapes: Shapes, actions: int) -> None:
        super().__init__(config, shapes, actions)
        self.latent, self.history = config.latent, config.history
        self.encoders = nn.ModuleDict(
            {key: make_encoder(key, shape, config) for key, shape in sorted(shapes.items())}
        )
        if not self.encoders:
            raise LatentMPCError("the world model needs an observation: state, pixels or both")
        self.fuse = mlp(config.history * config.embedding, config.latent, config.hidden)
        # Unit variance from the first step on: without it the latent stays collapsed for hundreds
        # of steps (docs/log.md).
        self.normalise = nn.BatchNorm1d(config.latent, affine=False, momentum=0.05)
        self.make_predictor()

    def _encoders(self) -> dict[str, Encoder]:
        return {key: cast(Encoder, encoder) for key, encoder in self.encoders.items()}

    def embed(self, obs: Observation) -> Float[Tensor, "B F"]:
        """Embedding of single observations; several keys are added up."""
        return torch.stack([encoder(obs[key]) for key, encoder in self.encoders.items()]).sum(dim=0)

    def encode(self, obs: Observation, bf16: bool = False) -> Float[Tensor, "B T D"]:
        """Latents of windows `[B, K - 1 + T, ...]` of observations: the first K - 1 frames serve as
        history only.
        """
        first = next(iter(obs.values()))
        batch, steps = first.shape[:2]
        with torch.autocast(first.device.type, torch.bfloat16, enabled=bf16):
            frames = (
                self.embed({key: value.flatten(0, 1) for key, value in obs.items()})
                .float()
                .view(batch, steps, -1)
            )
        return self.fuse_history(frames.unfold(1, self.history, 1).transpose(-1, -2))

    def fuse_history(self, frames: Float[Tensor, "*B K F"]) -> Float[Tensor, "*B D"]:
        """The latent of K successive frame embeddings, newest last."""
        z = self.fuse(frames.flatten(-2))
        return self.normalise(z.flatten(0, -2)).view(z.shape)

    def spread(self) -> Float[Tensor, ""]:
        """A running average over the batches of training."""
        variance = self.normalise.running_var
        assert variance is not None  # it always tracks
        return variance.sqrt().mean()

    def memory(self, batch: int) -> FrameMemory:
        """Of zeros, all fresh."""
        config, like = self.config, next(self.parameters())
        frames = like.new_zeros(batch, config.history, config.embedding)
        return FrameMemory(
            frames,
            like.new_zeros(batch, config.latent),
            torch.ones(batch, dtype=torch.bool, device=like.device),
        )

    def observe(
        self, memory: FrameMemory, obs: Observation, action: Float[Tensor, "B A"] | None = None
    ) -> FrameMemory:
        """The frames move on by one. `action` is not needed: a memory of frames has what it did, a
        recurrence would not.
        """
        new = self.embed(obs)[:, None]
        shifted = torch.cat([memory.frames[:, 1:], new], dim=1)
        frames = torch.where(memory.fresh[:, None, None], new.expand_as(shifted), shifted)
        return FrameMemory(frames, self.fuse_history(frames), torch.zeros_like(memory.fresh))

    def encode_goal(self, obs: Observation) -> Float[Tensor, "B D"]:
        """K times the same frame."""
        frame = self.embed(obs)
        return self.fuse_history(frame[:, None].expand(-1, self.history, -1))

    def encode_episode(self, obs: Observation) -> Float[Tensor, "T D"]:
        """The first frame counts as seen at rest."""
        frames = self.embed(obs)
        padded = torch.cat([frames[:1].expand(self.history - 1, -1), frames])
        return self.fuse_history(padded.unfold(0, self.history, 1).transpose(-1, -2))

    def fit_normalisers(self, sample: Callable[[str], Tensor]) -> None:
        """Those of the encoders."""
        for key, encoder in self._encoders().items():
            encoder.fit(partial(sample, key))

    def frozen_encoders(self) -> dict[str, tuple[str, Callable[[Tensor], Tensor]]]:
        """Those that have a digest."""
        return {
            key: (encoder.digest, encoder.encode_frozen)
            for key, encoder in self._encoders().items()
            if encoder.digest
        }
