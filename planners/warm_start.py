"""What a planner carries from one decision to the next, as a value: nothing of it hides in a
planner.

B problems, K kept elites, H horizon, A action.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from latent_mpc.configs.errors import LatentMPCError


class Warm(NamedTuple):
    """The state of B independent searches.

    mean, std, elites: of the last plan, in action units; from step `known` on they mean nothing,
        and the next decision puts the last known action (or the middle of the bounds), the initial
        std and fresh samples there.
    known: leading steps that come from an earlier plan, 0 after `reset` [model steps].
    key: one random key per problem, always on the CPU.
    """

    mean: Float[Tensor, "B H A"]
    std: Float[Tensor, "B H A"]
    elites: Float[Tensor, "B K H A"]
    known: Int64[Tensor, " B"]
    key: Int64[Tensor, " B"]

    def shift(self, steps: int | Int64[Tensor, " B"]) -> Warm:
        """The plan seen `steps` model steps later; the last action is repeated.

        Raises ValueError for a negative number or another number of problems.
        """
        B, H = self.mean.shape[:2]
        device = self.mean.device
        if isinstance(steps, int):
            if steps < 0:
                raise LatentMPCError(f"steps must be at least 0, got {steps}")
            steps = torch.full((B,), steps, device=device)
        if steps.shape != (B,):
            raise LatentMPCError(
                f"steps must be an int or a tensor of {B} problems, got shape {tuple(steps.shape)}"
            )
        # (B, H)
        source = (torch.arange(H, device=device) + steps.to(device)[:, None]).clamp(0, H - 1)
        return self._replace(
            mean=_take(self.mean, source),
            std=_take(self.std, source),
            elites=_take(self.elites, source[:, None].expand(-1, self.elites.shape[1], -1)),
            known=(self.known - steps.to(device)).clamp(0, H),
        )

    def reset(self, mask: Tensor) -> Warm:
        """Forget the plan where mask `[B]`; the random key goes on."""
        return self._replace(known=torch.where(mask.to(self.known.device), 0, self.known))

    def select(self, index: Tensor) -> Warm:
        """The problems of index (positions, or a mask `[B]`)."""
        return Warm(*(x[index.to(x.device)] for x in self))

    def put(self, index: Tensor, warm: Warm) -> Warm:
        """These problems with those of index replaced by warm's."""
        return Warm(
            *(x.index_put((index.to(x.device),), y) for x, y in zip(self, warm, strict=True))
        )


def _take(x: Tensor, source: Tensor) -> Tensor:
    """x[..., source, :] along the time axis."""
    return x.gather(-2, source[..., None].expand(x.shape))
