"""The first phase of training: the world model, on windows of rollouts. No reward, no privileged
state.

Shapes: B batch, T model steps, K history, A action block, D latent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent import ranks
from latent_mpc.agent.devices import use_bf16
from latent_mpc.agent.heads.head import Schedule
from latent_mpc.agent.models.base import WorldModel
from latent_mpc.agent.training.augmentation import shift
from latent_mpc.agent.training.loop import LOG_EVERY, Trainer
from latent_mpc.agent.training.windows import Windows
from latent_mpc.configs.checks import at_least, one_of
from latent_mpc.configs.errors import FailedError, LatentMPCError
from latent_mpc.configs.names import PRECISIONS
from latent_mpc.envs.rollouts.reader import Rollouts

CHECK_FROM = 500  # steps after which the latent must not be collapsed
# of the latent before its normalisation, which hides a collapse by amplifying noise
LEAST_STD = 1e-4
NORMALISED = 10_000  # episodes that the normalisers of states are fitted to, at most
PICTURES = 1000  # and pictures that those of pictures are


@dataclass
class TrainingConfig:
    """How the world model is trained; the weights of its loss's terms are the model's."""

    steps: int = 6000  # number of updates
    batch: int = 96  # windows per update
    horizon: int = 5  # imagined steps of a window [model steps]
    # peak learning rate of AdamW, after warm-up and before the cosine decay
    learning_rate: float = 1e-3
    shift: int = 0  # largest random shift of a window's pixels, as augmentation [pixels]
    least_rank: float = 1.5  # effective rank of the latent below which training stops as collapsed
    validation: float = 0.1  # share of episodes held out from training
    # precision of the pixel encoder's convolutions: one of PRECISIONS; auto = bf16 where the
    # processor has it
    precision: str = "auto"
    save_every: int = 500  # interval between states to resume from [updates]

    def __post_init__(self) -> None:
        at_least(self, steps=1, batch=1, horizon=1, save_every=1, shift=0, least_rank=0)
        one_of(self, precision=PRECISIONS)
        if self.learning_rate <= 0:
            raise LatentMPCError(f"learning_rate must be positive, got {self.learning_rate}")
        if not 0 < self.validation < 1:
            raise LatentMPCError(
                f"validation must be a share between 0 and 1, got {self.validation}"
            )


def train_world_model(
    model: WorldModel,
    rollouts: Rollouts,
    config: TrainingConfig,
    action_repeat: int,
    trainer: Trainer,
    counted: np.ndarray | None = None,
) -> None:
    """Train on windows of K - 1 + horizon model steps.

    Args:
        counted: as of `Windows`.

    Raises:
        RuntimeError: the latent collapsed, or the loss is not finite.
        ValueError: the episodes are too short for one window.
    """
    device = next(model.parameters()).device
    episodes, _ = rollouts.split(config.validation, trainer.seed)
    windows, bf16 = (
        Windows(rollouts, tuple(model.shapes), action_repeat, device, counted),
        use_bf16(config.precision, device),
    )
    model.fit_normalisers(sampler(rollouts, episodes))
    for step in trainer(
        "world_model",
        model,
        Schedule(config.steps, config.learning_rate, save_every=config.save_every),
    ):
        obs, action = windows.draw(
            step.rng, config.batch, model.history - 1 + config.horizon, episodes
        )
        generator = torch.Generator(device).manual_seed(int(step.rng.integers(2**62)))
        if config.shift and "pixels" in obs:
            obs["pixels"] = shift(obs["pixels"], config.shift, generator)
        loss = model.loss(obs, action, progress=step.progress, generator=generator, bf16=bf16)
        terms = dict(loss.terms)
        if step.number % LOG_EVERY == 0:
            latents = ranks.gather(loss.z.detach())
            terms |= {"rank": torch.tensor(effective_rank(latents)), "std": model.spread()}
            if step.number >= CHECK_FROM:
                check_collapse(
                    loss.z.shape[-1],
                    float(terms["rank"]),
                    float(terms["std"]),
                    config.least_rank,
                    step.number,
                )
        step.minimise(terms)


def effective_rank(z: Float[Tensor, "*B D"]) -> float:
    """Number of directions that the latents use: exp of the entropy of the covariance's spectrum
    (Roy & Vetterli 2007).
    """
    spectrum = torch.linalg.eigvalsh(
        torch.cov(z.flatten(0, -2).double().T).reshape(z.shape[-1], -1)
    ).clamp_min(0)
    share = spectrum / spectrum.sum().clamp_min(1e-12)
    return float(torch.exp(-(share * share.clamp_min(1e-12).log()).sum()))


def check_collapse(width: int, rank: float, std: float, least_rank: float, step: int) -> None:
    """Raises RuntimeError if the latents vary in too few directions, or before their normalisation
    not at all.
    """
    if rank < least_rank or std < LEAST_STD:
        raise FailedError(
            f"the latent collapsed at step {step}: effective rank {rank:.1f} of {width} (least"
            f" {least_rank}), std before normalisation {std:.1g} (least {LEAST_STD}); raise"
            " model.sigreg or model.inverse, or lower training.learning_rate"
        )


def sampler(rollouts: Rollouts, episodes: np.ndarray) -> Callable[[str], Tensor]:
    """What normalisers are fitted to: key -> observations `[N, ...]` of these episodes."""

    def sample(key: str) -> Tensor:
        if key == "state":
            some = episodes[:: -(-len(episodes) // NORMALISED)]
            return torch.as_tensor(np.concatenate([rollouts.episode(int(i))[key] for i in some]))
        rows = np.concatenate(
            [
                np.arange(rollouts.offsets[i], rollouts.offsets[i] + rollouts.lengths[i] + 1)
                for i in episodes
            ]
        )
        return torch.as_tensor(rollouts.gather(rows[:: -(-len(rows) // PICTURES)], [key])[key])

    return sample
