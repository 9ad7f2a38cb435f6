"""`cost.terms=[speed:WEIGHT]`: how far what has to reach the goal moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.terms import Imagined, Networks, Term


@dataclass
class Speed(Term):
    """Distance between successive probed positions [m per model step]."""

    name: ClassVar[str] = "speed"

    def bind(self, networks: Networks) -> Callable[[Imagined], Float[Tensor, "B N H"]]:
        places = networks.places("the cost term speed")

        def speed(imagined: Imagined) -> Float[Tensor, "B N H"]:
            begin = imagined.before.expand(-1, imagined.z.shape[1], -1, -1)
            path = places(torch.cat([begin, imagined.z], dim=2))  # (B, N, H + 1, 3)
            # the gradient of a root at zero is infinite
            return (path.diff(dim=2).square().sum(dim=-1) + 1e-12).sqrt()

        return speed
