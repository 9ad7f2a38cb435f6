"""Rates of one device: products of matrices, training, decisions, imagined rollouts alone.

The limit is measured, not a data sheet's: what the device itself reaches in a large product of
matrices in fp32 (no TF32, torch's default) and in bf16, and in copying memory. Arithmetic is what
torch counts of products and convolutions (`FlopCounterMode`), 2 for a multiplication and an
addition; all else is not counted, so that a share of the limit is a lower bound.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.planners import shipped
from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_agent, open_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.heads.head import FrozenData, Schedule
from latent_mpc.agent.training.loop import OptimiserStep, Trainer
from latent_mpc.agent.training.pipeline import describe, gather, initialise
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.agent.training.world_model import train_world_model
from latent_mpc.planners.noise import draw
from latent_mpc.planners.rng import first_keys

MODES: dict[str, dict[str, Any]] = {  # settings of the cost, those that start at once first
    "eager": {"precision": "fp32"},
    "bf16": {"precision": "bf16"},
    "compiled": {"precision": "fp32", "compile": True},
    "bf16 compiled": {"precision": "bf16", "compile": True},
}
WARM = 5  # updates before the clock starts
ENDLESS = 1_000_000  # updates of a schedule that the clock ends
PICTURES = 10  # different starts and goals among B
MIB = 2**20


@dataclass(frozen=True)
class Measure:
    """Measures on a device for some seconds each."""

    device: torch.device
    seconds: float

    def synchronise(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)

    def per_second(self, run: Callable[[], Any]) -> float:
        """Calls a second, queued one behind the other; two before are left out."""
        run(), run()
        once = self._time(run, 1)
        count = max(1, round(self.seconds / once))
        return count / self._time(run, count)

    def _time(self, run: Callable[[], Any], count: int) -> float:
        self.synchronise()
        begin = time.perf_counter()
        for _ in range(count):
            run()
        self.synchronise()
        return time.perf_counter() - begin

    def forget_peak(self) -> None:
        """Count the peak of memory anew."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> float | None:
        """Most memory of tensors since then [MiB]; None where the device does not tell."""
        if self.device.type != "cuda":
            return None
        return torch.cuda.max_memory_allocated(self.device) / MIB


@dataclass
class Clocked:
    """A trainer whose phases end after some seconds, with their updates a second."""

    trainer: Trainer
    measure: Measure
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """The trainer's."""
        return self.trainer.seed

    def __call__(
        self, phase: str, module: nn.Module, schedule: Schedule
    ) -> Iterator[OptimiserStep]:
        begin = 0.0
        endless = replace(schedule, steps=ENDLESS, save_every=ENDLESS)
        for count, step in enumerate(self.trainer(phase, module, endless)):
            if count == WARM:
                self.measure.synchronise()
                begin = time.perf_counter()
            if count > WARM and time.perf_counter() - begin > self.measure.seconds:
                self.measure.synchronise()
                self.rates[phase] = (count - WARM) / (time.perf_counter() - begin)
                return
            yield step


def limits(measure: Measure, width: int) -> dict[str, float]:
    """Operations a second of products of square matrices [Tflop/s], and bytes a second of copying,
    read and written [GB/s].
    """
    found = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a = torch.randn(width, width, device=measure.device).to(dtype)
        found[f"{name}_tflops"] = (
            2 * width**3 * measure.per_second(partial(torch.matmul, a, a)) / 1e12
        )
    source = torch.empty(4 * width * width, device=measure.device)
    target = torch.empty_like(source)
    moved = 2 * source.numel() * source.element_size()
    found["copy_gb_per_second"] = moved * measure.per_second(lambda: target.copy_(source)) / 1e9
    return found


def training(
    measure: Measure, obs: str, words: Sequence[str], limit: dict[str, float]
) -> dict[str, Any]:
    """Reacher's world model and cost-to-go, by the trainings' own code on rollouts collected here.

    Args:
        words: settings of `latent-mpc train`.
        limit: of `limits`; the world model's share of it is in fp32, as most layers are.
    """
    config = compose_config("train", ["task=reacher", f"obs={obs}", *words])
    task, completed = open_task(config.task, config.observations)
    config = replace(config, task=completed)
    with tempfile.TemporaryDirectory() as scratch:
        folder, repeat = Path(scratch), config.task.action_repeat
        rollouts = gather(config.task, config.observations, config.collect, 0, folder / "data")
        parts = initialise(describe(config, task), 0)
        parts.modules().to(measure.device)
        once = replace(config.training, steps=1)
        with FlopCounterMode(display=False) as counter:
            train_world_model(parts.model, rollouts, once, repeat, Trainer(folder / "once", 0))
        measure.forget_peak()
        clocked = Clocked(Trainer(folder, 0), measure)
        train_world_model(parts.model, rollouts, config.training, repeat, clocked)  # type: ignore[arg-type]
        z, last, _ = encode_rollouts(parts.model, rollouts, repeat, folder)
        parts.cost_to_go.fit(FrozenData(z, last), {}, clocked)
    rate = clocked.rates["world_model"]
    frames = config.training.batch * (parts.model.history + config.training.horizon)
    return {
        "updates_per_second": rate,
        "frames_per_second": rate * frames,
        "gflop_per_update": counter.get_total_flops() / 1e9,
        **_share(rate * counter.get_total_flops(), limit),
        "cost_to_go_updates_per_second": clocked.rates["cost_to_go"],
        "path_updates_per_second": clocked.rates["cost_to_go_paths"],
        "peak_mib": measure.peak(),
    }


def decisions(measure: Measure, mode: str, B: int, limit: dict[str, float]) -> dict[str, Any]:
    """Decisions of the shipped Reacher for B episodes at once, pictures to actions; what its
    imagined rollouts alone would allow, as many and as long, all at once; and the random numbers.
    All in decisions a second: B for one call.
    """
    torch.compiler.reset()  # torch compiles a function for so many shapes, then no more
    parts = load_parts(shipped.CHECKPOINT)
    parts.modules().to(measure.device)
    agent = make_agent(parts, cost={**parts.config["cost"], **MODES[mode]})
    starts, goals = (np.resize(seen, (B, *seen.shape[1:])) for seen in shipped.observed(PICTURES))
    agent.reset({"pixels": goals})

    def decide() -> None:
        for _ in range(agent.action_repeat):  # of which one decides
            agent.act({"pixels": starts})

    imagine, flops = rollouts_alone(agent, B, measure.device)
    measure.forget_peak()
    rate, peak = B * measure.per_second(decide), measure.peak()
    with torch.no_grad():
        bare = B * measure.per_second(imagine)
    return {
        "decisions_per_second": rate,
        "bare_rollouts_per_second": bare,
        "random_numbers_per_second": B * measure.per_second(lambda: numbers(agent, B)),
        "gflop_per_decision": flops / B / 1e9,
        **_share(rate * flops / B, limit),
        "peak_mib": peak,
        "search": str(agent.search_report),
    }


def rollouts_alone(agent: Agent, B: int, device: torch.device) -> tuple[Callable[[], None], int]:
    """The imagined rollouts of B decisions without anything else, and their arithmetic in fp32."""
    fields, H = agent.planner.algorithm, agent.planner.horizon
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(B, agent.model.latent, generator=generator).to(device)
    actions = torch.rand(B, fields.samples, H, agent.model.actions, generator=generator) * 2 - 1
    memory, actions = agent.model.memory(B)._replace(z=z), actions.to(device)
    searched = (agent.search or agent.networks).model

    def imagine() -> None:
        for _ in range(fields.iterations):
            searched.imagine(memory, actions)

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        agent.model.imagine(memory, actions)
    return imagine, fields.iterations * counter.get_total_flops()


def numbers(agent: Agent, B: int) -> torch.Tensor:
    """The random numbers of B decisions, `[B, N, H, A]`."""
    fields = agent.planner.algorithm
    return draw(
        first_keys(B, 0),
        fields.samples * fields.iterations,
        agent.planner.horizon,
        agent.model.actions,
        beta=fields.noise_beta,
        block=fields.block,
        knots=fields.knots,
        kind=fields.interpolation,
    )


def _share(flops: float, limit: dict[str, float]) -> dict[str, float]:
    """Of the limit in fp32, where it was measured."""
    return {"share_of_fp32_limit": flops / 1e12 / limit["fp32_tflops"]} if limit else {}
