"""What the families share: frames are embedded, the last K embeddings make the latent z, a
predictor imagines what follows.

What it is trained on is the family's: `jepa.py`, `reconstruction.py`.

Shapes: B batch or problems, T model steps, N candidates, H horizon, A action block, E ensemble
members, F frame embedding, K history, D latent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.models.base import Observation, Shapes
from latent_mpc.agent.models.encoders.encoder import Encoder, EncoderConfig, make_encoder
from latent_mpc.agent.models.frames import Frames
from latent_mpc.agent.models.networks import BatchNorm, mlp
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


class LatentModel(Frames):
    """Encoders, and what makes z of their embeddings.

    Raises:
        ValueError: no observation, or one that the encoder does not take.
    """

    config: ModelConfig

    def __init__(self, config: ModelConfig, shapes: Shapes, actions: int) -> None:
        super().__init__(config, shapes, actions)
        self.latent, self.history, self.frame = config.latent, config.history, config.embedding
        self.encoders = nn.ModuleDict(
            {key: make_encoder(key, shape, config) for key, shape in sorted(shapes.items())}
        )
        if not self.encoders:
            raise LatentMPCError("the world model needs an observation: state, pixels or both")
        self.fuse = mlp(config.history * config.embedding, config.latent, config.hidden)
        # Unit variance from the first step on: without it the latent stays collapsed for hundreds
        # of steps (docs/log.md).
        self.normalise = BatchNorm(config.latent, affine=False, momentum=0.05)
        self.make_predictor()

    def _encoders(self) -> dict[str, Encoder]:
        return {key: cast(Encoder, encoder) for key, encoder in self.encoders.items()}

    def embed(self, obs: Observation) -> Float[Tensor, "B F"]:
        """Embedding of single observations; several keys are added up."""
        return torch.stack([encoder(obs[key]) for key, encoder in self.encoders.items()]).sum(dim=0)

    def fuse_history(self, frames: Float[Tensor, "*B K F"]) -> Float[Tensor, "*B D"]:
        """The latent of K successive frame embeddings, newest last."""
        z = self.fuse(frames.flatten(-2))
        return self.normalise(z.flatten(0, -2)).view(z.shape)

    def spread(self) -> Float[Tensor, ""]:
        """A running average over the batches of training."""
        variance = self.normalise.running_var
        assert variance is not None  # it always tracks
        return variance.sqrt().mean()

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
