"""The memory of families that see frames one by one: a frame's embedding does not show velocity, so
the latent is made from the last K of them. At rest all K are equal, which is how a goal is encoded
from one observation.

Shapes: B batch or problems, T model steps, F frame embedding, K history, D latent.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latent_mpc.agent.models.base import Observation
from latent_mpc.agent.models.dynamics import Dynamics


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


class Frames(Dynamics):
    """A family says how a frame is embedded, and what is made of K embeddings."""

    frame: int  # F

    @abstractmethod
    def embed(self, obs: Observation) -> Float[Tensor, "B F"]:
        """Embedding of single observations."""

    @abstractmethod
    def fuse_history(self, frames: Float[Tensor, "*B K F"]) -> Float[Tensor, "*B D"]:
        """The latent of K successive frame embeddings, newest last."""

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

    def memory(self, batch: int) -> FrameMemory:
        """Of zeros, all fresh."""
        like = next(self.parameters())
        return FrameMemory(
            like.new_zeros(batch, self.history, self.frame),
            like.new_zeros(batch, self.latent),
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
