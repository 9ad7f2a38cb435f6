"""`model.encoder.state=mlp`: a normalised state through a plain network.

Shapes: B batch, S observed state, F frame embedding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.models.encoders.encoder import Encoder
from latent_mpc.agent.models.networks import mlp


class StateEncoder(Encoder):
    """Normalised state vector -> embedding. `mean` and `std` are those of the training data, so a
    checkpoint carries them.

    With `octaves` each number of the state also enters as sines and cosines of that many
    frequencies, from pi up, each twice the last (Tancik et al. 2020). A plain network is slow to
    learn what changes over a small part of its range, such as a thin wall.
    """

    key: ClassVar[str] = "state"
    name: ClassVar[str] = "mlp"
    mean: Tensor
    std: Tensor

    def __init__(self, shape: tuple[int, ...], config: Any) -> None:
        super().__init__(shape, config)
        states = shape[0]
        self.register_buffer("mean", torch.zeros(states))
        self.register_buffer("std", torch.ones(states))
        self.octaves: int = config.octaves
        self.layers = mlp(states * (1 + 2 * self.octaves), config.embedding, config.hidden)

    def fit(self, sample: Callable[[], Tensor]) -> None:
        """Take mean and standard deviation from training data; a constant dimension is left
        unscaled.
        """
        states = sample()
        self.mean.copy_(states.mean(dim=0))
        std = states.std(dim=0)
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def forward(self, state: Float[Tensor, "B S"]) -> Float[Tensor, "B F"]:
        state = (state - self.mean) / self.std
        if self.octaves:
            phase = (
                state[..., None]
                * (math.pi * 2.0 ** torch.arange(self.octaves, device=state.device))
            ).flatten(-2)
            state = torch.cat([state, phase.sin(), phase.cos()], dim=-1)
        return self.layers(state)
