"""What the world model learns from: prediction in latent space, and terms that keep the latent from
collapsing.

Of several ranks that train together, whatever compares the rows of a batch sees those of all.

Shapes: B batch, T steps, D latent, A action, M directions, K knots.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent import ranks

KNOTS, LAST_KNOT = 17, 3.0  # of the trapezoid rule over frequencies 0 to 3 (LeWM's code)
DIRECTIONS = 128  # random unit vectors a step; LeWM draws 1024, for batches that a GPU holds


def prediction(
    imagined: Float[Tensor, "*#B D"], encoded: Float[Tensor, "*#B D"]
) -> Float[Tensor, ""]:
    """Mean squared error between imagined and encoded latents; gradients flow through both sides
    (LeWM, 2026).
    """
    return (imagined - encoded).square().mean()


def sigreg(
    z: Float[Tensor, "B T D"],
    generator: torch.Generator | None = None,
    directions: int = DIRECTIONS,
) -> Float[Tensor, ""]:
    """Sketched isotropic Gaussian regularisation (Balestriero & LeCun 2025, LeJEPA), in fp32.

    The latents of each time step are projected on random unit directions; each projection is
    compared with a standard normal by the Epps-Pulley statistic: B times the integral over t of
    |empirical characteristic function - exp(-t^2/2)|^2 exp(-t^2/2).
    """
    # or the projection would be cast to bf16, which torch.complex refuses
    with torch.autocast(z.device.type, enabled=False):
        z = ranks.gather(z).float().transpose(0, 1)  # (T, B, D)
        vectors = torch.randn(z.shape[-1], directions, generator=generator, device=z.device)
        return epps_pulley(z @ (vectors / vectors.norm(dim=0))).mean()


def epps_pulley(x: Float[Tensor, "*T B M"]) -> Float[Tensor, "*T M"]:
    """Epps-Pulley statistic of normality over the B samples, trapezoid over t in [0, 3], doubled
    for the even integrand.
    """
    return _EppsPulley.apply(x)


class _EppsPulley(torch.autograd.Function):
    """The statistic with its gradient: both are sums over the same sines and cosines, and autograd
    would keep each of them.
    """

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "*T B M"]) -> Float[Tensor, "*T M"]:
        step, batch = LAST_KNOT / (KNOTS - 1), x.shape[-2]
        turn = torch.stack([(x * step).cos(), (x * step).sin()])
        # cos and sin of k - 1 and of k steps
        twice, before, now = 2 * turn[0], torch.zeros_like(turn), turn
        before[0] = 1.0
        found, slope = torch.zeros_like(x[..., 0, :]), torch.zeros_like(x)
        for k in range(1, KNOTS):  # at t = 0 all characteristic functions are 1
            t, last = k * step, k == KNOTS - 1
            # both the normal's characteristic function and the weight
            normal = math.exp(-t * t / 2)
            weight = 2 * batch * normal * step * (0.5 if last else 1.0)
            error = now.mean(dim=-2, keepdim=True)  # real and imaginary part of the empirical one
            error[0] -= normal
            found += weight * error.square().sum(dim=0).squeeze(-2)
            error *= 2 * weight * t / batch
            slope.addcmul_(error[1], now[0]).addcmul_(error[0], now[1], value=-1.0)
            # cos(k + 1)a = 2 cos a cos ka - cos(k - 1)a, sin alike: no complex numbers
            before, now = now, (twice * now).sub_(before)
        ctx.save_for_backward(slope)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Float[Tensor, "*T M"]) -> Float[Tensor, "*T B M"]:
        return gradient.unsqueeze(-2) * ctx.saved_tensors[0]


def vicreg(z: Float[Tensor, "B T D"]) -> Float[Tensor, ""]:
    """Variance and covariance of each time step's latents (Bardes, Ponce & LeCun 2022, VICReg), in
    the proportion of 25 to 1 that they found: each number at least of unit std, none told by
    others.

    Unlike theirs, no invariance: prediction stands in its place.
    """
    z = ranks.gather(z).float()
    centred = (z - z.mean(dim=0)).transpose(0, 1)  # (T, B, D)
    covariance = centred.transpose(1, 2) @ centred / (centred.shape[1] - 1)
    variance = covariance.diagonal(dim1=1, dim2=2)
    hinge = (1 - (variance + 1e-4).sqrt()).clamp_min(0).mean()
    apart = covariance.square().sum(dim=(1, 2)) - variance.square().sum(dim=1)
    return hinge + apart.mean() / (25 * z.shape[-1])


def inverse_dynamics(
    predicted: Float[Tensor, "*B A"], actions: Float[Tensor, "*B A"]
) -> Float[Tensor, ""]:
    """Mean squared error of actions read from two successive latents."""
    return (predicted - actions).square().mean()
