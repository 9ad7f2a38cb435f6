"""The probe: from a latent to the position of what has to reach the goal; for pictures only."""

from __future__ import annotations

from torch import nn

from latent_mpc.agent.models.networks import mlp


def make_probe(latent: int) -> nn.Sequential:
    """A small net from latents to a position `[3]` [m]."""
    return mlp(latent, 3, 128)
