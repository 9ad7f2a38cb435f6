"""The optimisation loop, written once: AdamW with a cosine schedule, progress, metrics, and a state
on disk to resume from.

    for step in trainer("probe", probe, Schedule(1500, 2e-3)):
        step.minimise({"loss": …})

Every step's randomness comes from (seed, phase, step) only, so that a resumed run gives the weights
of one that was never stopped; and of one on another number of ranks, within rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.head import Schedule
from latent_mpc.agent.training.interrupt import noted_interrupts
from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.agent.training.train_state import load_state, save_state
from latent_mpc.configs.errors import FailedError
from latent_mpc.configs.seeding import stream
from latent_mpc.envs.progress import Progress

LOG_EVERY = 50  # steps between two lines of metrics


@dataclass(frozen=True)
class Trainer:
    """The optimisations of a run, each by the name of its phase.

    Args:
        folder: the run's; states go to `training/<phase>.safetensors`, metrics to `metrics.jsonl`.
        seed: of the run.
    """

    folder: Path
    seed: int

    def __call__(
        self, phase: str, module: nn.Module, schedule: Schedule
    ) -> Iterator[OptimiserStep]:
        """The steps that are left of a phase, each of which has to be minimised; afterwards
        `module` is in evaluation mode.

        Raises:
            ValueError: the state on disk belongs to another module. RuntimeError: the loss is not
                finite.
            KeyboardInterrupt: after Ctrl-C, when the step in hand was finished and saved, saying
                how to go on.
        """
        optimizer = torch.optim.AdamW(
            _trained(module),
            lr=schedule.learning_rate,
            weight_decay=schedule.weight_decay,
            fused=True,
        )
        state, metrics = (
            self.folder / "training" / f"{phase}.safetensors",
            Metrics(self.folder / "metrics.jsonl"),
        )
        state.parent.mkdir(parents=True, exist_ok=True)
        begin = load_state(state, module, optimizer)
        if ranks.rank() == 0:
            metrics.rewind(phase, begin)
        module.train()
        shown = Progress(phase.replace("_", " "), schedule.steps, "steps", begin)
        with shown as progress, noted_interrupts() as interrupted:
            for number in range(begin, schedule.steps):
                step = OptimiserStep(
                    phase, module, optimizer, schedule, number, stream(self.seed, phase, number)
                )
                yield step
                last, stops = number + 1 == schedule.steps, ranks.anywhere(interrupted())
                saves = last or stops or (number + 1) % schedule.save_every == 0
                if step.logged or saves:
                    step.terms = ranks.mean(step.terms)
                    step.require_finite()  # never save what cannot be trained on
                note = None  # reading the losses makes a GPU wait: only now and then
                if step.logged:
                    values = {name: float(value.detach()) for name, value in step.terms.items()}
                    if ranks.rank() == 0:
                        metrics.append(phase=phase, step=number, **values)
                    note = " ".join(f"{name} {value:.3g}" for name, value in values.items())
                progress.advance(note=note)
                if saves and ranks.rank() == 0:
                    save_state(state, module, optimizer, number + 1)
                if stops:
                    raise KeyboardInterrupt(
                        f"stopped: {phase} is saved at step {number + 1} of {schedule.steps} in"
                        f" {self.folder}; the same command again goes on from there"
                    )
        module.eval()


@dataclass
class OptimiserStep:
    """One step: draw from `rng`, then `minimise`."""

    phase: str
    module: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    number: int  # from 0
    rng: np.random.Generator  # of all its random numbers

    @property
    def progress(self) -> float:
        """Share of the phase that is over, in [0, 1)."""
        return self.number / self.schedule.steps

    @property
    def logged(self) -> bool:
        """Whether its metrics are written."""
        return self.number % LOG_EVERY == 0 or self.number + 1 == self.schedule.steps

    def minimise(self, terms: Mapping[str, Tensor]) -> None:
        """Take one step down the term "loss"; the others are logged. Of several ranks, which may
        each have a part of the batch, gradients and terms are averaged.
        """
        self.terms = terms
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.number)
        self.optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()
        ranks.average_gradients(_trained(self.module))
        nn.utils.clip_grad_norm_(_trained(self.module), self.schedule.clip)
        self.optimizer.step()

    def require_finite(self) -> None:
        """Raise RuntimeError if the loss is not."""
        loss = float(self.terms["loss"].detach())
        if not math.isfinite(loss):
            raise FailedError(
                f"{self.phase}: the loss is {loss} at step {self.number}; try a lower learning rate"
            )


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
