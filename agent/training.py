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
from torch import Tensor, nn

from latent_mpc.agent import losses
from latent_mpc.agent.augment import shift
from latent_mpc.agent.cost_to_go import CostToGo
from latent_mpc.agent.networks import StateEncoder, mlp
from latent_mpc.agent.optimise import LOG_EVERY, Schedule, optimise
from latent_mpc.agent.proposals import Proposals, nearest_loss
from latent_mpc.agent.world_model import WorldModel
from latent_mpc.configs.errors import FailedError, LatentMPCError
from latent_mpc.envs.progress import track
from latent_mpc.envs.rollouts import Rollouts

CHECK_FROM = 500  # steps after which the latent must not be collapsed
LEAST_STD = 1e-4  # of the latent before its normalisation, which hides a collapse by amplifying noise
PROBE_STEPS = 1500
NORMALISED = 10_000  # episodes that the normalisers are fitted to, at most
MAPPED = 2**27  # latents' numbers above which they stand in a file and not in memory: 0.5 GB


@dataclass
class TrainingConfig:
    """How the world model is trained. Weights of the loss's terms; 0 leaves a term out."""

    steps: int = 6000  # updates
    batch: int = 96  # windows in an update
    horizon: int = 5  # imagined steps of a window [model steps]
    learning_rate: float = 1e-3  # of AdamW, after warm-up, before the cosine
    prediction: float = 1.0  # weight of the imagined latents' squared error
    sigreg: float = 0.1  # weight of the isotropic Gaussian regulariser at the first step; a weak one never finds velocity in pixels
    sigreg_final: float = 0.02  # its weight at the last step, falling linearly; a strong one blurs prediction (docs/log.md)
    sigreg_width: int = 0  # dimensions of the latent that it looks at, the first ones (as Sub-JEPA, 2026, in a sub-space); 0 = all
    inverse: float = 1.0  # weight of inverse dynamics
    shift: int = 0  # pixels of each window are moved by up to this much at random [pixels]
    least_rank: float = 1.5  # training stops if the latent's effective rank falls below
    validation: float = 0.1  # share of episodes kept out of training
    precision: str = "auto"  # of the pixel encoder's convolutions: fp32, bf16, or auto = bf16 where the processor has it
    save_every: int = 500  # steps between two states to resume from

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


class Windows:
    """Random windows of rollouts as tensors, action blocks assembled."""

    def __init__(self, rollouts: Rollouts, keys: tuple[str, ...], action_repeat: int, device: torch.device) -> None:
        self.rollouts, self.keys, self.repeat, self.device = rollouts, keys, action_repeat, device

    def draw(self, rng: np.random.Generator, batch: int, steps: int, episodes: np.ndarray) -> tuple[dict[str, Tensor], Tensor]:
        """Observations `[B, steps + 1, ...]` and the action blocks `[B, steps, A]` between them.

        Raises ValueError if no episode is that long.
        """
        rows = self.rollouts.starts(rng, batch, steps * self.repeat + 1, episodes)[:, None] + np.arange(steps * self.repeat)
        action = self.rollouts.gather(rows, ["action"])["action"].reshape(batch, steps, -1)
        frames = rows[:, :1] + self.repeat * np.arange(steps + 1)
        observed = self.rollouts.gather(frames, self.keys)
        return {key: torch.as_tensor(value, device=self.device) for key, value in observed.items()}, torch.as_tensor(
            action, device=self.device
        )


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


@torch.no_grad()
def encode_rollouts(
    model: WorldModel, rollouts: Rollouts, action_repeat: int, scratch: Path, *, shown: bool = False
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Latents of every model step, as the agent would hold them: an episode's first frame counts as seen at rest.

    Args:
        scratch: folder for the latents where they are many; nothing remains there.
        shown: whether progress is.

    Returns:
        z `[N, D]`; the last row of each row's episode, `[N]`; the row of the rollouts that each came from, `[N]`.
    """
    device, history = next(model.parameters()).device, model.config.history
    counts = rollouts.lengths // action_repeat + 1
    ends = np.cumsum(counts)
    z = _latents(int(ends[-1]), model.config.latent, device, scratch)
    episodes = list(zip(ends.tolist(), counts.tolist(), strict=True))
    for i, (end, count) in enumerate(track(episodes, "encoding", len(episodes), "episodes", shown=shown)):
        episode = rollouts.episode(i)
        obs = {key: torch.as_tensor(np.array(episode[key][::action_repeat]), device=device) for key in model.shapes}
        frames = model.embed(obs)
        padded = torch.cat([frames[:1].expand(history - 1, -1), frames])
        z[end - count : end] = model.believe(padded.unfold(0, history, 1).transpose(-1, -2))
    whole = np.int32 if rollouts.offsets[-1] + rollouts.lengths[-1] < 2**31 else np.int64  # half the memory
    last = np.repeat((ends - 1).astype(whole), counts)
    source = np.repeat((rollouts.offsets - action_repeat * (ends - counts)).astype(whole), counts)
    source += action_repeat * np.arange(len(source), dtype=whole)
    return z, last, source


def _latents(rows: int, width: int, device: torch.device, scratch: Path) -> Tensor:
    """An empty `[rows, width]`: in memory, or where it would take more than MAPPED numbers of it, in a file that is gone when we are."""
    if device.type != "cpu" or rows * width <= MAPPED:
        return torch.empty(rows, width, device=device)
    scratch.mkdir(parents=True, exist_ok=True)
    file = scratch / "latents"
    try:
        return torch.from_file(str(file), shared=True, size=rows * width).view(rows, width)
    finally:
        file.unlink(missing_ok=True)


def train_proposals(
    proposals: Proposals, cost_to_go: CostToGo, z: Float[Tensor, "N D"], last: np.ndarray, action: Tensor, folder: Path, seed: int
) -> None:
    """Fit the proposed plans on frozen latents and a frozen cost-to-go; see `proposals.py` for the method.

    Args:
        z, last: as for `train_cost_to_go`.
        action: block `[N, A]` that was done at each row; those of an episode's last rows are not looked at.

    Raises ValueError if no episode has as many steps as a plan.
    """
    config, horizon = proposals.config, proposals.shape[1]
    starts = np.flatnonzero(np.arange(len(z)) + horizon <= last)  # rows with a whole plan behind them
    if not len(starts):
        raise LatentMPCError(f"proposals need episodes of at least {horizon} model steps; lower proposals.horizon")

    def terms(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        row = starts[rng.integers(len(starts), size=config.batch)]
        end = row + horizon
        goal = end + (rng.random(config.batch) * (last[row] - end + 1)).astype(np.int64)  # uniform over what follows
        with torch.no_grad():
            wasted = horizon + cost_to_go(z[end], z[goal]) - cost_to_go(z[row], z[goal])
        done = action[row[:, None] + np.arange(horizon)]
        return {"loss": nearest_loss(proposals(z[row], z[goal]), done, wasted, config.temperature), "wasted": wasted.mean()}

    optimise("proposals", proposals, terms, Schedule(config.steps, config.learning_rate, final=0.1), folder, seed)


def train_probe(probe: nn.Module, z: Float[Tensor, "N D"], points: Float[Tensor, "N 3"], folder: Path, seed: int) -> None:
    """Fit latents to the position of what has to reach the goal [m], for pictures only."""

    def terms(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        rows = torch.as_tensor(rng.integers(len(z), size=512), device=z.device)
        return {"loss": (probe(z[rows]) - points[rows]).square().sum(dim=-1).mean()}

    optimise("probe", probe, terms, Schedule(PROBE_STEPS, 2e-3, weight_decay=0.0), folder, seed)


def make_probe(latent: int) -> nn.Sequential:
    """A small net from latents to a position `[3]` [m]."""
    return mlp(latent, 3, 128)


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether convolutions run in bf16: asked for, or `auto` and the hardware multiplies bf16 natively."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cpu":
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # torch >= 2.10
        return bool(capabilities.get("avx512_bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


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
