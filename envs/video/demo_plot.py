"""The demo's plot: distance to the goal against time, axes and curve. Layout only;
`envs/video/demo_frame.py` draws the curve as it grows.

Shapes: T control steps, so T + 1 distances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

from latent_mpc.envs.video.drawing import FAINT, MUTED, Box, font

PLOT: Box = (76, 578, 464, 652)  # the curve's own area, axes outside
CAPTION = (22, 553)


def axes(
    draw: ImageDraw.ImageDraw, distances: Sequence[float], unit: str, control_period: float
) -> None:
    """Lines and numbers around `PLOT`, and what they count."""
    left, top, right, bottom = PLOT
    ceiling, seconds = _ranges(distances, control_period)
    draw.text(CAPTION, f"distance [{unit}] against time [s]", MUTED, font(18), anchor="lm")
    for value in (0.0, ceiling / 2, ceiling):
        y = bottom - value / ceiling * (bottom - top)
        draw.line((left, y, right, y), FAINT)
        draw.text((left - 8, y), f"{value:g}", MUTED, font(17), anchor="rm")
    stride = round_up(seconds / 6)
    for tick in np.arange(0.0, seconds + 1e-9, stride):
        x = left + tick / seconds * (right - left)
        draw.line((x, bottom, x, bottom + 4), FAINT)
        draw.text((x, bottom + 8), f"{tick:g}", MUTED, font(17), anchor="mt")


def curve(distances: Sequence[float], control_period: float) -> np.ndarray:
    """Positions `[T + 1, 2]` [pixels] of the distances in the plot."""
    left, top, right, bottom = PLOT
    ceiling, seconds = _ranges(distances, control_period)
    time = np.arange(len(distances)) * control_period
    share = np.nan_to_num(np.asarray(distances, dtype=np.float64)) / ceiling
    return np.stack(
        [left + time / seconds * (right - left), bottom - share * (bottom - top)], axis=-1
    )


def _ranges(distances: Sequence[float], control_period: float) -> tuple[float, float]:
    """Upper ends of the distance [unit] and time [s] axes."""
    farthest = float(np.nanmax(distances, initial=1e-9))
    return round_up(farthest), max(1, len(distances) - 1) * control_period


def round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 10, 20, … times a power of ten: numbers whose halves are short."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 10) if step * power >= value * (1 - 1e-9))
