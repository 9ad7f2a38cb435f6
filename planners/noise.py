"""White and coloured noise of standard deviation 1, drawn per problem, at all times or at knots. It
knows no bounds and no algorithm.

Coloured noise has a power spectrum f^-beta along time (Timmer & König 1995; iCEM, Pinneri et al.
2020). Each time's std is 1 by the constants of one matrix, never by a trajectory's own std, which
for short horizons makes the std 1.2-1.3 and tails of 20 std. The spectrum is that of a series twice
as long: the transform is periodic, and would tie the last step to the first.

B problems, N candidates, H horizon, A action = block x W width of one control step's action, T = H
x block times, K knots.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

INTERPOLATIONS = ("zero", "linear", "cubic")


@lru_cache
def covariance(times: int, beta: float) -> Float[Tensor, "T T"]:
    """Of a coloured series, variance 1; its constant part has the power of the lowest frequency, as
    in iCEM's `colorednoise`.
    """
    k = torch.arange(times + 1, dtype=torch.float64)
    power = k.clamp(min=1) ** -beta
    # of a complex coefficient; the two real ones, doubled as `colorednoise` does, have
    weight = torch.full_like(power, 2.0)
    weight[0] = weight[-1] = 1.0  # half of its weight
    lag = torch.cos(torch.pi * k[:, None] * torch.arange(times) / times)  # (F, T)
    by_lag = (weight * power) @ lag / (weight * power).sum()
    time = torch.arange(times)
    return by_lag[(time - time[:, None]).abs()]


def interpolation(times: int, knots: int, kind: str) -> Float[Tensor, "T K"]:
    """Weights of the knots at each time; the first and the last knot stand at the first and last
    time, unless held ("zero").

    zero: each knot is held for an equal share of the times. linear. cubic: Hermite, slopes by
    finite differences, as in mjpc.
    """
    one = torch.eye(knots, dtype=torch.float64)
    if kind == "zero" or knots == 1:
        return one[torch.arange(times) * knots // times]
    position = torch.arange(times, dtype=torch.float64) * (knots - 1) / (times - 1)
    left = position.long().clamp(max=knots - 2)
    f = (position - left)[:, None]
    if kind == "linear":
        return (1 - f) * one[left] + f * one[left + 1]
    slope = torch.gradient(one, dim=0)[0]
    values = (1 + 2 * f) * (1 - f) ** 2 * one[left] + f**2 * (3 - 2 * f) * one[left + 1]
    return values + f * (1 - f) ** 2 * slope[left] - f**2 * (1 - f) * slope[left + 1]


@lru_cache
def mixing(times: int, width: int, beta: float, knots: int, kind: str) -> Float[Tensor, "KW TW"]:
    """From independent normal numbers `[N, K x W]` to noise `[N, T x W]`: colour, interpolation,
    and std 1 at every time.
    """
    knots = min(knots or times, times)
    root = torch.linalg.cholesky(covariance(knots, beta))
    weights = root if knots == times else interpolation(times, knots, kind) @ root  # (T, K)
    weights = weights / weights.norm(dim=1, keepdim=True)
    return torch.kron(weights.T.contiguous(), torch.eye(width, dtype=torch.float64)).float()


def draw(
    seeds: Int64[Tensor, " B"],
    N: int,
    H: int,
    A: int,
    *,
    beta: float = 0.0,
    block: int = 1,
    knots: int = 0,
    kind: str = "linear",
) -> Float[Tensor, "B N H A"]:
    """Noise for N candidates of each problem, from a generator of its own; float32, on the CPU.

    Args:
        seeds: one per problem.
        beta: exponent of the colour; 0 is white, 1 pink, 2 red.
        block: control steps in one action block; coloured noise and knots run through the blocks
            [control steps].
        knots: times at which noise is drawn, interpolated between; 0, or as many as there are
            times, means at each.
        kind: one of `INTERPOLATIONS`.
    """
    times = H * block
    white = times == 1 or (beta == 0 and not 0 < knots < times)
    mix = None if white else mixing(times, A // block, beta, knots, kind)
    return torch.stack([_one(seed, N, H * A, mix) for seed in seeds.tolist()]).view(-1, N, H, A)


def _one(seed: int, N: int, numbers: int, mix: Tensor | None) -> Float[Tensor, "N HA"]:
    """One problem's noise. The product is taken for each problem by itself: in a batch its bits
    would depend on the others.
    """
    generator = torch.Generator().manual_seed(seed)  # an mt19937: seeding takes 1.2 us
    normal = torch.randn(N, numbers if mix is None else len(mix), generator=generator)
    return normal if mix is None else normal @ mix
