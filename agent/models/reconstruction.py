"""`model=reconstruction`, the baseline: a predictive autoencoder, with the encoder, memory and
predictor of `jepa` and of the same sizes.

What is imagined is decoded and compared with the pictures or states that followed (as in PlaNet,
Hafner et al. 2019, without its stochastic part), and what was encoded with those it came from. It
has to spend its latent on whatever is seen, needed or not.

Shapes: B batch, T model steps, A action block, E ensemble members, D latent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.models.base import Loss, Observation, Shapes
from latent_mpc.agent.models.decoders import PictureDecoder, StateDecoder, make_decoder
from latent_mpc.agent.models.latent_model import LatentModel, ModelConfig
from latent_mpc.configs.checks import at_least


@dataclass
class ReconstructionConfig(ModelConfig):
    """Sizes of the world model, and the weights of its loss's terms; 0 leaves a term out."""

    prediction: float = 1.0  # weight of the error of what is decoded from imagined latents
    reconstruction: float = 1.0  # weight of the error of what is decoded from encoded latents

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, prediction=0, reconstruction=0)


class Reconstruction(LatentModel):
    """Encoders, memory, predictor and decoders."""

    name: ClassVar[str] = "reconstruction"
    Config = ReconstructionConfig
    config: ReconstructionConfig

    def __init__(self, config: ReconstructionConfig, shapes: Shapes, actions: int) -> None:
        super().__init__(config, shapes, actions)
        sizes = (config.latent, config.hidden, config.width)
        self.decoders = nn.ModuleDict(
            {key: make_decoder(key, shape, *sizes) for key, shape in sorted(shapes.items())}
        )

    def _decoders(self) -> dict[str, StateDecoder | PictureDecoder]:
        return {
            key: cast(StateDecoder | PictureDecoder, decoder)
            for key, decoder in self.decoders.items()
        }

    def fit_normalisers(self, sample: Callable[[str], Tensor]) -> None:
        """Those of encoders and decoders."""
        super().fit_normalisers(sample)
        for key, decoder in self._decoders().items():
            decoder.fit(sample(key))

    def loss(
        self,
        obs: Observation,
        actions: Float[Tensor, "B T A"],
        *,
        progress: float,
        generator: torch.Generator,
        bf16: bool = False,
    ) -> Loss:
        """Error of the decoded observations, the mean over keys and ensemble members."""
        z, first = self.encode(obs, bf16), self.history - 1
        seen = {key: value[:, first:] for key, value in obs.items()}
        with self.dropout_from(generator):
            imagined = self.rollout_ensemble(z[:, 0], actions[:, first:])
        with torch.autocast(z.device.type, torch.bfloat16, enabled=bf16):
            following = {
                key: value[:, 1:].expand(self.members, *value[:, 1:].shape).flatten(0, 2)
                for key, value in seen.items()
            }
            predicted = self._error(imagined.flatten(0, 2), following)
            reconstructed = self._error(z[:, 0], {key: value[:, 0] for key, value in seen.items()})
        loss = self.config.prediction * predicted + self.config.reconstruction * reconstructed
        return Loss({"loss": loss, "prediction": predicted, "reconstruction": reconstructed}, z)

    def _error(self, z: Float[Tensor, "B D"], obs: Observation) -> Float[Tensor, ""]:
        return torch.stack(
            [decoder.error(z, obs[key]) for key, decoder in self._decoders().items()]
        ).mean()
