"""`model=jepa`, the default: a joint-embedding predictive architecture. It predicts embeddings,
never pixels.

Imagined latents are compared with encoded ones, gradients through both; what keeps them from
collapsing is a Gaussian regulariser and inverse dynamics (LeJEPA, Balestriero & LeCun 2025; LeWM,
2026).

Shapes: B batch, T model steps, A action block, D latent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.models import losses
from latent_mpc.agent.models.base import Loss, Observation, Shapes
from latent_mpc.agent.models.latent_model import LatentModel, ModelConfig
from latent_mpc.agent.models.networks import mlp
from latent_mpc.configs.checks import at_least


@dataclass
class JepaConfig(ModelConfig):
    """Sizes of the world model, and the weights of its loss's terms; 0 leaves a term out."""

    prediction: float = 1.0  # weight of the squared error of the imagined latents
    # weight of the Gaussian regulariser (SIGReg) at the first step; a weak one never finds velocity
    # in pixels
    sigreg: float = 0.1
    # weight of SIGReg at the last step, falling linearly; a strong one blurs prediction
    # (docs/log.md)
    sigreg_final: float = 0.02
    # leading latent dimensions that SIGReg sees (as Sub-JEPA, 2026, in a sub-space); 0 = all
    sigreg_width: int = 0
    vicreg: float = 0.0  # weight of VICReg's variance and covariance, to compare SIGReg with
    inverse: float = 1.0  # weight of the inverse-dynamics error

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, prediction=0, sigreg=0, sigreg_final=0, sigreg_width=0, vicreg=0, inverse=0)


class Jepa(LatentModel):
    """Encoders, memory, predictor and inverse model."""

    name: ClassVar[str] = "jepa"
    Config = JepaConfig
    config: JepaConfig

    def __init__(self, config: JepaConfig, shapes: Shapes, actions: int) -> None:
        super().__init__(config, shapes, actions)
        self.inverse = mlp(2 * config.latent, actions, config.hidden)

    def invert(
        self, z: Float[Tensor, "*B D"], z_next: Float[Tensor, "*B D"]
    ) -> Float[Tensor, "*B A"]:
        """The action that led from one latent to the next, as far as they show it."""
        return self.inverse(torch.cat([z, z_next], dim=-1))

    def loss(
        self,
        obs: Observation,
        actions: Float[Tensor, "B T A"],
        *,
        progress: float,
        generator: torch.Generator,
        bf16: bool = False,
    ) -> Loss:
        """`terms` of the windows' latents."""
        z = self.encode(obs, bf16)
        with self.dropout_from(generator):
            return Loss(self.terms(z, actions[:, self.history - 1 :], progress, generator), z)

    def terms(
        self,
        z: Float[Tensor, "B T1 D"],
        actions: Float[Tensor, "B T A"],
        progress: float,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Each term on its own line, weighted by its line in the config."""
        config = self.config
        predicted = losses.prediction(self.rollout_ensemble(z[:, 0], actions), z[None, :, 1:])
        gaussian = losses.sigreg(z[..., : config.sigreg_width or None], generator)
        inverse = losses.inverse_dynamics(self.invert(z[:, :-1], z[:, 1:]), actions)
        sigreg = config.sigreg + progress * (config.sigreg_final - config.sigreg)
        loss = config.prediction * predicted + sigreg * gaussian + config.inverse * inverse
        terms = {"prediction": predicted, "sigreg": gaussian, "inverse": inverse}
        if config.vicreg:
            terms["vicreg"] = losses.vicreg(z)
            loss = loss + config.vicreg * terms["vicreg"]
        return {"loss": loss, **terms}
