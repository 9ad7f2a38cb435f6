"""Fits the probe from latents to positions, on frozen latents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.agent.training.loop import Schedule, optimise

PROBE_STEPS = 1500


def train_probe(probe: nn.Module, z: Float[Tensor, "N D"], points: Float[Tensor, "N 3"], folder: Path, seed: int) -> None:
    """Fit latents to the position of what has to reach the goal [m], for pictures only."""

    def terms(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        rows = torch.as_tensor(rng.integers(len(z), size=512), device=z.device)
        return {"loss": (probe(z[rows]) - points[rows]).square().sum(dim=-1).mean()}

    optimise("probe", probe, terms, Schedule(PROBE_STEPS, 2e-3, weight_decay=0.0), folder, seed)
