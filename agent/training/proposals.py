"""Trains the network that proposes plans, on frozen latents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.models.cost_to_go import CostToGo
from latent_mpc.agent.models.proposals import Proposals, nearest_loss
from latent_mpc.agent.training.loop import Schedule, optimise
from latent_mpc.configs.errors import LatentMPCError


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
