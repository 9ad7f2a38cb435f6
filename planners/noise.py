"""White and coloured noise of standard deviation 1, drawn per problem. It knows no bounds and no algorithm.

Coloured noise has a power spectrum f^-beta along time (Timmer & König 1995; iCEM, Pinneri et al. 2020). The amplitudes are scaled by a
constant computed from the spectrum, never by a trajectory's own std, which for short horizons makes the std 1.2-1.3 and tails of 20 std.
Twice the time is drawn and half of it kept: the inverse transform is periodic, and would tie the last step to the first.

B problems, N candidates, H horizon, A action = block x W width of one control step's action, T = H x block times, F frequencies.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@lru_cache
def amplitudes(times: int, beta: float) -> Float[Tensor, " F"]:
    """Amplitude of each frequency of a series of 2 x `times` whose inverse real transform has std 1 everywhere."""
    f = torch.arange(times + 1, dtype=torch.float64) / (2 * times)
    f[0] = f[1]  # the constant part gets the lowest frequency's power, as in iCEM's `colorednoise`
    power = f**-beta
    power[0] *= 2  # a real coefficient has half of a complex one's power: the two real ones are doubled
    power[-1] *= 2
    weight = torch.full_like(power, 4.0)  # variance of 2 Re(c (a + ib) e^iwt) is 4 c^2 in every time
    weight[0] = weight[-1] = 1.0
    return (power / (weight * power).sum()).sqrt()


def draw(seeds: Int64[Tensor, " B"], N: int, H: int, A: int, *, beta: float = 0.0, block: int = 1) -> Float[Tensor, "B N H A"]:
    """Noise for N candidates of each problem, from a generator of its own; float32, on the CPU.

    Args:
        seeds: one per problem.
        beta: exponent of the colour; 0 is white, 1 pink, 2 red.
        block: control steps in one action block; coloured noise runs through the blocks [control steps].
    """
    times = H * block
    if beta == 0 or times == 1:
        return _normal(seeds, (N, H, A))
    white = _normal(seeds, (N, A // block, times + 1, 2))  # (B, N, W, F, 2)
    white *= amplitudes(times, beta).float()[:, None]
    series = torch.fft.irfft(torch.view_as_complex(white), n=2 * times, norm="forward")[..., :times]  # (B, N, W, T)
    return series.movedim(-1, 2).reshape(len(seeds), N, H, A)


def _normal(seeds: Int64[Tensor, " B"], shape: tuple[int, ...]) -> Tensor:
    out = torch.empty(len(seeds), *shape)
    generator = torch.Generator()  # an mt19937: seeding takes 1.2 us
    for row, seed in zip(out, seeds.tolist(), strict=True):
        torch.randn(shape, generator=generator.manual_seed(seed), out=row)
    return out
