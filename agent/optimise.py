"""The optimisation loop, written once: AdamW with a cosine schedule, a progress bar, metrics, and a state on disk to resume from.

Every step's randomness comes from (seed, phase, step) only, so that a resumed run gives the weights of one that was never stopped.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

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


class Metrics:
    """Lines of json, one per logged step; lines after the point of resumption are dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, phase: str, step: int) -> None:
        """Forget what this phase logged from `step` on, and half-written lines."""
        if self.path.exists():
            kept = [line for line in self.read() if line["phase"] != phase or float(line["step"]) < step]
            replace(self.path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def append(self, **values: float | int | str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def read(self) -> list[dict[str, float | int | str]]:
        """Every whole line; none if nothing was logged yet."""
        lines = []
        texts = self.path.read_text(encoding="utf-8", errors="replace").splitlines() if self.path.exists() else []
        for text in texts:
            try:
                line = json.loads(text)
            except json.JSONDecodeError:  # the line in flight when a run was killed
                continue
            if isinstance(line, dict) and {"phase", "step"} <= line.keys():
                lines.append(line)
        return lines


def optimise(
    phase: str, module: nn.Module, losses: Losses, schedule: Schedule, folder: Path, seed: int, tell: Callable[[str], None] | None = None
) -> None:
    """Train `module` until the schedule ends, going on from the state in `folder` where there is one.

    Args:
        phase: name in files and metrics, e.g. "world_model".
        losses: (step, generator) -> the term "loss" to be minimised, and others to be logged.
        folder: the run's folder; state goes to `training/<phase>.safetensors`, metrics to `metrics.jsonl`.
        seed: of the run.

    Raises:
        ValueError: the state on disk belongs to another module. RuntimeError: the loss is not finite.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    state, metrics = folder / "training" / f"{phase}.safetensors", Metrics(folder / "metrics.jsonl")
    state.parent.mkdir(parents=True, exist_ok=True)
    begin = load_state(state, module, optimizer)
    metrics.rewind(phase, begin)
    module.train()
    with _bar(phase, begin, schedule.steps) as advance:
        for step in range(begin, schedule.steps):
            rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(phase.encode()), step]))
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step)
            terms = losses(step, rng)
            optimizer.zero_grad(set_to_none=True)
            terms["loss"].backward()
            nn.utils.clip_grad_norm_(parameters, schedule.clip)
            optimizer.step()
            last = step + 1 == schedule.steps
            logs, saves = last or step % LOG_EVERY == 0, last or (step + 1) % schedule.save_every == 0
            if (logs or saves) and not math.isfinite(loss := float(terms["loss"].detach())):  # never save what cannot be trained on
                raise RuntimeError(f"{phase}: the loss is {loss} at step {step}; try a lower learning rate")
            if logs:
                values = {name: float(value.detach()) for name, value in terms.items()}
                metrics.append(phase=phase, step=step, **values)
                advance(step, values)
            if saves:
                save_state(state, module, optimizer, step + 1)
    module.eval()


def save_state(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Weights, optimiser and step in one file, replaced atomically. No pickle: tensors only."""
    tensors = {f"module.{name}": value.detach().contiguous() for name, value in module.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.detach().contiguous() for name, value in values.items()}
    replace(path, save(tensors, metadata={"step": str(step)}))


def load_state(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put a saved state back; returns the step to go on with, 0 where there is no file. Raises ValueError on a file that does not fit."""
    if not path.exists():
        return 0
    try:
        with safe_open(path, "pt") as file:
            step = int((file.metadata() or {})["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        weights = {name.removeprefix("module."): t for name, t in tensors.items() if name.startswith("module.")}
        require_fit(module.state_dict(), weights)
        moments = optimizer_state(tensors)
    except (SafetensorError, KeyError, ValueError) as error:
        reason = f"it has no {error.args[0]}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise ValueError(f"{path} does not fit this run ({reason}); give another out=, or delete it to train from the start") from error
    module.load_state_dict(weights)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    return step


def optimizer_state(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """What `save_state` wrote of the optimiser: per parameter its fields. Raises ValueError on a name that it never writes."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, field = name.split(".", 2)
            state.setdefault(int(index), {})[field] = tensor
    return state


def require_fit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise ValueError naming the first tensor that is missing, not expected, or of another shape or type."""
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found or name not in wanted:
            raise ValueError(f"{name} is {'missing' if name not in found else 'not expected'}")
        for what in ("shape", "dtype"):
            should, came = (getattr(tensors[name], what) for tensors in (wanted, found))
            if should != came:
                raise ValueError(f"{name} must be {_plain(should)}, is {_plain(came)}")


def replace(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:  # of a full disk, say
        temporary.unlink(missing_ok=True)


def _plain(value: torch.Size | torch.dtype) -> str:
    return str(list(value)) if isinstance(value, torch.Size) else str(value).removeprefix("torch.")


class _bar:
    """Progress with the losses beside it; on a pipe it stays silent until the end."""

    def __init__(self, phase: str, begin: int, steps: int) -> None:
        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
        )
        self.progress = Progress(*columns, console=Console(stderr=True))
        self.task = self.progress.add_task(phase.replace("_", " "), total=steps, completed=begin, told="")

    def __enter__(self) -> Callable[[int, Mapping[str, float]], None]:
        self.progress.start()
        return self.advance

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def advance(self, step: int, values: Mapping[str, float]) -> None:
        told = " ".join(f"{name} {value:.3g}" for name, value in values.items())
        self.progress.update(self.task, completed=step + 1, told=told)
