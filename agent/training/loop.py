"""The optimisation loop, written once: AdamW with a cosine schedule, progress, metrics, and a state on disk to resume from.

Every step's randomness comes from (seed, phase, step) only, so that a resumed run gives the weights of one that was never stopped.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from latent_mpc.agent.training.interrupt import noted_interrupts
from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.agent.training.train_state import load_state, save_state
from latent_mpc.configs.errors import FailedError
from latent_mpc.envs.progress import Progress

LOG_EVERY = 50  # steps between two lines of metrics
Losses = Callable[[int, np.random.Generator], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int
    learning_rate: float
    warmup: int = 100  # steps over which the rate rises from zero
    final: float = 0.02  # share of the rate left at the end of the cosine
    weight_decay: float = 1e-4
    clip: float = 1.0  # largest norm of the gradient
    save_every: int = 500  # steps between two states on disk

    def rate(self, step: int) -> float:
        """Learning rate at a step."""
        cosine = 0.5 + 0.5 * math.cos(math.pi * step / self.steps)
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * (self.final + (1 - self.final) * cosine)


def optimise(phase: str, module: nn.Module, losses: Losses, schedule: Schedule, folder: Path, seed: int) -> None:
    """Train `module` until the schedule ends, going on from the state in `folder` where there is one.

    Args:
        phase: name in files and metrics, e.g. "world_model".
        losses: (step, generator) -> the term "loss" to be minimised, and others to be logged.
        folder: the run's folder; state goes to `training/<phase>.safetensors`, metrics to `metrics.jsonl`.
        seed: of the run.

    Raises:
        ValueError: the state on disk belongs to another module. RuntimeError: the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, when the step in hand was finished and saved, saying how to go on.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True)
    state, metrics = folder / "training" / f"{phase}.safetensors", Metrics(folder / "metrics.jsonl")
    state.parent.mkdir(parents=True, exist_ok=True)
    begin = load_state(state, module, optimizer)
    metrics.rewind(phase, begin)
    module.train()
    shown = Progress(phase.replace("_", " "), schedule.steps, "steps", begin)
    with shown as progress, noted_interrupts() as interrupted:
        for step in range(begin, schedule.steps):
            rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(phase.encode()), step]))
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            terms = losses(step, rng)
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            nn.utils.clip_grad_norm_(parameters, schedule.clip)
            optimizer.step()
            last, stops = step + 1 == schedule.steps, interrupted()
            logs, saves = last or step % LOG_EVERY == 0, last or stops or (step + 1) % schedule.save_every == 0
            if logs or saves:
                _require_finite(phase, terms["loss"], step)  # never save what cannot be trained on
            note = None  # reading the losses makes a GPU wait: only now and then
            if logs:
                values = {name: float(value.detach()) for name, value in terms.items()}
                metrics.append(phase=phase, step=step, **values)
                note = " ".join(f"{name} {value:.3g}" for name, value in values.items())
            progress.advance(note=note)
            if saves:
                save_state(state, module, optimizer, step + 1)
            if stops:
                saved = f"{phase} is saved at step {step + 1} of {schedule.steps} in {folder}"
                raise KeyboardInterrupt(f"stopped: {saved}; the same command again goes on from there")
    module.eval()


def _require_finite(phase: str, loss: Tensor, step: int) -> None:
    if not math.isfinite(float(loss.detach())):
        raise FailedError(f"{phase}: the loss is {float(loss.detach())} at step {step}; try a lower learning rate")
