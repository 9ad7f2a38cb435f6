"""Gradients of each phase of training on numbers made up here, in float64: of one process, or of
the ranks that torchrun starts with `-m tests.agent.rank_gradients FOLDER`. For test_ranks.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from latent_mpc.agent import ranks
from latent_mpc.agent.heads.cost_to_go import CostToGoConfig
from latent_mpc.agent.heads.decoder import DecoderConfig
from latent_mpc.agent.heads.head import FrozenData, Head, Schedule, Sizes, heads
from latent_mpc.agent.heads.probe import ProbeConfig
from latent_mpc.agent.heads.proposals import ProposalsConfig
from latent_mpc.agent.heads.reader import ReaderConfig
from latent_mpc.agent.heads.value import ValueConfig
from latent_mpc.agent.models.base import models
from latent_mpc.agent.models.identity import IdentityConfig
from latent_mpc.agent.models.jepa import JepaConfig
from latent_mpc.agent.models.reconstruction import ReconstructionConfig
from latent_mpc.agent.models.tracks import TracksConfig
from latent_mpc.agent.training.loop import OptimiserStep, Trainer
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.agent.training.world_model import TrainingConfig, train_world_model
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter

EPISODES, STEPS, SIDE, LATENT = 12, 10, 16, 6
STATE: dict[str, tuple[int, ...]] = {"state": (4,)}
PIXELS: dict[str, tuple[int, ...]] = {"pixels": (SIDE, SIDE, 3)}
SMALL: dict[str, Any] = {"hidden": 8}
LATENTS: dict[str, Any] = {**SMALL, "embedding": 8, "latent": LATENT, "width": 4}
MODELS: dict[str, tuple[Any, dict[str, tuple[int, ...]]]] = {
    "jepa": (JepaConfig(**LATENTS, vicreg=1.0, ensemble=2), STATE | PIXELS),
    "reconstruction": (ReconstructionConfig(**LATENTS), STATE | PIXELS),
    "identity": (IdentityConfig(**SMALL), STATE),
    "tracks": (TracksConfig(**SMALL), PIXELS),
}
HEADS: dict[str, Any] = {
    "cost_to_go": CostToGoConfig(**SMALL, metric=8, batch=16, goals=5, landmarks=20),
    "decoder": DecoderConfig(steps=2, width=4, batch=8),
    "probe": ProbeConfig(**SMALL, batch=16),
    "proposals": ProposalsConfig(**SMALL, samples=2, batch=16),
    "reader": ReaderConfig(**SMALL, batch=16),
    "value": ValueConfig(**SMALL, batch=16),
}
UPDATES = 2  # of each phase: the second is of weights that the first has moved


@dataclass(frozen=True)
class Keeping(Trainer):
    """Keeps each phase's last gradients, which are not clipped, and its buffers."""

    kept: dict[str, Tensor]
    name: str = ""

    def __call__(
        self, phase: str, module: nn.Module, schedule: Schedule
    ) -> Iterator[OptimiserStep]:
        schedule = replace(schedule, steps=UPDATES, warmup=1, clip=1e9)
        yield from super().__call__(phase, module, schedule)
        here = f"{self.name}{phase}"
        for key, parameter in module.named_parameters():
            if parameter.grad is not None:
                self.kept[f"{here} {key}"] = parameter.grad.clone()
        for key, buffer in module.named_buffers():
            self.kept[f"{here} {key}"] = buffer.clone()


def gradients(folder: Path) -> dict[str, Tensor]:
    """Of every world model and every head, by phase and parameter."""
    kept: dict[str, Tensor] = {}
    with everything_in_float64():
        rollouts = written(folder)
        for name, (config, shapes) in MODELS.items():
            torch.manual_seed(0)
            model = models()[name](config, shapes, 2).double()
            trainer = Keeping(folder / name, 0, kept, f"{name} ")
            counted = rollouts.arrays["physics"][:, :2]
            training = TrainingConfig(steps=UPDATES, batch=8, horizon=3, shift=2, precision="fp32")
            train_world_model(model, rollouts, training, 1, trainer, counted)
            if name == "jepa":
                # its latents beside made-up ones, which a reader has something to learn of
                z, last, source = encode_rollouts(model, rollouts, 1, folder / "scratch")
                kept["encoded"] = z
        made_up = torch.as_tensor(np.random.default_rng(1).normal(size=(len(z), LATENT)))
        made_up[:, :2] = torch.as_tensor(np.array(counted)).tanh() ** 3
        data = FrozenData(
            made_up,
            last,
            source,
            rollouts,
            tracked=lambda states: states[:, :3],
            counted=lambda states: states[:, :2],
        )
        fitted: dict[str, Head] = {}
        for name, kind in heads().items():
            torch.manual_seed(0)
            head = kind.build(Sizes(LATENT, 2, PIXELS, 2), HEADS[name])
            assert head is not None
            head.double().fit(data, fitted, Keeping(folder / name, 0, kept))
            fitted[name] = head
    return kept


def written(folder: Path) -> Rollouts:
    """A point that a slow random walk moves, and pictures of a square there."""
    rng = np.random.default_rng(0)

    def write() -> None:
        with RolloutWriter(folder / "data", {"task": {"name": "walks"}}) as writer:
            for _ in range(EPISODES):
                action = rng.uniform(-1, 1, (STEPS + 1, 2))
                place = np.cumsum(action, axis=0)
                state = np.concatenate([place, action], axis=1)
                pixels = np.zeros((STEPS + 1, SIDE, SIDE, 3), np.uint8)
                for t, (row, column) in enumerate((8 + place).clip(0, SIDE - 4).astype(int)):
                    pixels[t, row : row + 4, column : column + 4] = (200, 30, 30)
                writer.append(
                    {"state": state, "action": action, "pixels": pixels, "physics": state}
                )

    ranks.by_first(write)
    return Rollouts(folder / "data")


@contextmanager
def everything_in_float64() -> Iterator[None]:
    """What the code does in fp32, come what may, too."""
    single = Tensor.float
    Tensor.float = Tensor.double  # type: ignore[method-assign]
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        Tensor.float = single  # type: ignore[method-assign]
        torch.set_default_dtype(torch.float32)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    with ranks.joined():
        of_both = gradients(out)
        if ranks.rank() == 0:
            save_file({key: value.contiguous() for key, value in of_both.items()}, out / "ranks")
