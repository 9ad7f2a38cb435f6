"""From rollouts to a trained agent's parts: the world model, then on its frozen latents the cost-to-go and a probe for pictures.

No reward, no reconstruction, no privileged state: the probe, fitted last, is for people to look at and nothing is trained through it.

Shapes: B batch, T model steps, K history, R control steps in a model step, A action block, D latent, N rows of data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.devices import use_bf16
from latent_mpc.agent.models.networks import StateEncoder
from latent_mpc.agent.models.world_model import WorldModel
from latent_mpc.agent.training import losses
from latent_mpc.agent.training.augmentation import shift
from latent_mpc.agent.training.loop import LOG_EVERY, Schedule, optimise
from latent_mpc.agent.training.windows import Windows
from latent_mpc.configs.errors import FailedError, LatentMPCError
from latent_mpc.envs.rollouts.reader import Rollouts

CHECK_FROM = 500  # steps after which the latent must not be collapsed
LEAST_STD = 1e-4  # of the latent before its normalisation, which hides a collapse by amplifying noise
NORMALISED = 10_000  # episodes that the normalisers are fitted to, at most


@dataclass
class TrainingConfig:
    """How the world model is trained. Weights of the loss's terms; 0 leaves a term out."""

    steps: int = 6000  # number of updates
    batch: int = 96  # windows per update
    horizon: int = 5  # imagined steps of a window [model steps]
    learning_rate: float = 1e-3  # peak learning rate of AdamW, after warm-up and before the cosine decay
    prediction: float = 1.0  # weight of the squared error of the imagined latents
    sigreg: float = (
        0.1  # weight of the isotropic Gaussian regulariser (SIGReg) at the first step; a weak one never finds velocity in pixels
    )
    sigreg_final: float = 0.02  # weight of SIGReg at the last step, falling linearly; a strong one blurs prediction (docs/log.md)
    sigreg_width: int = 0  # leading latent dimensions that SIGReg sees (as Sub-JEPA, 2026, in a sub-space); 0 = all
    inverse: float = 1.0  # weight of the inverse-dynamics error
    shift: int = 0  # largest random shift of a window's pixels, as augmentation [pixels]
    least_rank: float = 1.5  # effective rank of the latent below which training stops as collapsed
    validation: float = 0.1  # share of episodes held out from training
    precision: str = "auto"  # precision of the pixel encoder's convolutions: fp32 | bf16 | auto (bf16 where the processor has it)
    save_every: int = 500  # interval between states to resume from [updates]

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "horizon", "save_every"):
            if getattr(self, name) < 1:
                raise LatentMPCError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("prediction", "sigreg", "sigreg_final", "sigreg_width", "inverse", "shift", "least_rank"):
            if getattr(self, name) < 0:
                raise LatentMPCError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.learning_rate <= 0:
            raise LatentMPCError(f"learning_rate must be positive, got {self.learning_rate}")
        if not 0 < self.validation < 1:
            raise LatentMPCError(f"validation must be a share between 0 and 1, got {self.validation}")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise LatentMPCError(f"precision must be one of auto, fp32, bf16; got {self.precision!r}")


def train_world_model(model: WorldModel, rollouts: Rollouts, config: TrainingConfig, action_repeat: int, folder: Path, seed: int) -> None:
    """Train encoder, predictor and inverse model together, on windows of K - 1 + horizon model steps.

    Raises:
        RuntimeError: the latent collapsed, or the loss is not finite.
        ValueError: the episodes are too short for one window.
    """
    device = next(model.parameters()).device
    episodes, _ = rollouts.split(config.validation, seed)
    windows = Windows(rollouts, tuple(model.shapes), action_repeat, device)
    _fit_normalisers(model, rollouts, episodes)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(config.precision, device))
    history = model.config.history

    def terms(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        obs, action = windows.draw(rng, config.batch, history - 1 + config.horizon, episodes)
        generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        if config.shift and "pixels" in obs:
            obs["pixels"] = shift(obs["pixels"], config.shift, generator)
        with autocast:
            frames = model.embed({key: value.flatten(0, 1) for key, value in obs.items()}).float()
        z = model.believe(frames.view(config.batch, -1, frames.shape[-1]).unfold(1, history, 1).transpose(-1, -2))
        action = action[:, history - 1 :]
        with _own_stream(generator, device) if model.config.dropout else nullcontext():
            told = world_model_loss(model, z, action, config, generator, step / config.steps)
        if step % LOG_EVERY == 0:
            told |= {"rank": torch.tensor(effective_rank(z.detach())), "std": model.spread()}
            if step >= CHECK_FROM:
                check_collapse(z.shape[-1], float(told["rank"]), float(told["std"]), config.least_rank, step)
        return told

    schedule = Schedule(config.steps, config.learning_rate, save_every=config.save_every)
    optimise("world_model", model, terms, schedule, folder, seed)


def world_model_loss(
    model: WorldModel,
    z: Float[Tensor, "B T1 D"],
    action: Float[Tensor, "B T A"],
    config: TrainingConfig,
    generator: torch.Generator,
    progress: float,
) -> dict[str, Tensor]:
    """Each term on its own line, weighted by its line in the config; `progress` in [0, 1] is the share of training that is over."""
    predicted = losses.prediction(model.futures(z[:, 0], action), z[None, :, 1:])
    gaussian = losses.sigreg(z[..., : config.sigreg_width or None], generator)
    inverse = losses.inverse_dynamics(model.invert(z[:, :-1], z[:, 1:]), action)
    sigreg = config.sigreg + progress * (config.sigreg_final - config.sigreg)
    loss = config.prediction * predicted + sigreg * gaussian + config.inverse * inverse
    return {"loss": loss, "prediction": predicted, "sigreg": gaussian, "inverse": inverse}


def effective_rank(z: Float[Tensor, "*B D"]) -> float:
    """Number of directions that the latents use: exp of the entropy of the covariance's spectrum (Roy & Vetterli 2007)."""
    spectrum = torch.linalg.eigvalsh(torch.cov(z.flatten(0, -2).double().T).reshape(z.shape[-1], -1)).clamp_min(0)
    share = spectrum / spectrum.sum().clamp_min(1e-12)
    return float(torch.exp(-(share * share.clamp_min(1e-12).log()).sum()))


def check_collapse(width: int, rank: float, std: float, least_rank: float, step: int) -> None:
    """Raises RuntimeError if the latents vary in too few directions, or before their normalisation not at all."""
    if rank < least_rank or std < LEAST_STD:
        raise FailedError(
            f"the latent collapsed at step {step}: effective rank {rank:.1f} of {width} (least {least_rank}), std before normalisation "
            f"{std:.1g} (least {LEAST_STD}); raise training.sigreg or training.inverse, or lower training.learning_rate"
        )


@contextmanager
def _own_stream(generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """Dropout draws from torch's global stream: within, that stream begins with the generator's seed, afterwards it goes on as before."""
    with torch.random.fork_rng([] if device.type == "cpu" else [device], device_type=device.type):
        torch.manual_seed(generator.initial_seed())
        yield


def _fit_normalisers(model: WorldModel, rollouts: Rollouts, episodes: np.ndarray) -> None:
    for key, encoder in model.encoders.items():
        if isinstance(encoder, StateEncoder):
            some = episodes[:: -(-len(episodes) // NORMALISED)]
            encoder.fit(torch.as_tensor(np.concatenate([rollouts.episode(int(i))[key] for i in some])))
