"""What the world model learns from: prediction in latent space, and terms that keep the latent from collapsing.

Shapes: B batch, T steps, D latent, A action, M directions, K knots.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

KNOTS, LAST_KNOT = 17, 3.0  # of the trapezoid rule over frequencies 0 to 3 (LeWM's code)
DIRECTIONS = 128  # random unit vectors a step; LeWM draws 1024, for batches that a GPU holds


def prediction(imagined: Float[Tensor, "*#B D"], encoded: Float[Tensor, "*#B D"]) -> Float[Tensor, ""]:
    """Mean squared error between imagined and encoded latents; gradients flow through both sides (LeWM, 2026)."""
    return (imagined - encoded).square().mean()


def sigreg(z: Float[Tensor, "B T D"], generator: torch.Generator | None = None, directions: int = DIRECTIONS) -> Float[Tensor, ""]:
    """Sketched isotropic Gaussian regularisation (Balestriero & LeCun 2025, LeJEPA), in fp32.

    The latents of each time step are projected on random unit directions; each projection is compared with a standard normal by
    the Epps-Pulley statistic: B times the integral over t of |empirical characteristic function - exp(-t^2/2)|^2 exp(-t^2/2).
    """
    with torch.autocast(z.device.type, enabled=False):  # or the projection would be cast to bf16, which torch.complex refuses
        z = z.float().transpose(0, 1)  # (T, B, D)
        vectors = torch.randn(z.shape[-1], directions, generator=generator, device=z.device)
        return epps_pulley(z @ (vectors / vectors.norm(dim=0))).mean()


def epps_pulley(x: Float[Tensor, "*T B M"]) -> Float[Tensor, "*T M"]:
    """Epps-Pulley statistic of normality over the B samples, trapezoid over t in [0, 3], doubled for the even integrand."""
    t = torch.linspace(0.0, LAST_KNOT, KNOTS, device=x.device)
    normal = torch.exp(-t.square() / 2)  # (K,) both the normal's characteristic function and the weight
    # cos(k a) and sin(k a) by rotation: 2.5 times faster than asking for each (43 -> 17 ms for 96 x 6 x 256 on one core).
    angle = x * (LAST_KNOT / (KNOTS - 1))
    turn = torch.complex(angle.cos(), angle.sin())
    phase, integrand = torch.ones_like(turn), []
    for k in range(KNOTS):
        integrand.append((phase.mean(dim=-2) - normal[k]).abs().square() * normal[k])
        phase = phase * turn
    return 2 * x.shape[-2] * torch.trapezoid(torch.stack(integrand, dim=-1), t, dim=-1)


def inverse_dynamics(predicted: Float[Tensor, "*B A"], actions: Float[Tensor, "*B A"]) -> Float[Tensor, ""]:
    """Mean squared error of actions read from two successive latents."""
    return (predicted - actions).square().mean()
