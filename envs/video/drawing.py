"""What the demo's frames are drawn with: palette, anti-aliased lines and discs, signs, labels,
fonts.

Pictures are uint8 RGB `[H, W, 3]`; positions are x, y in pixels from the top left. Knows nothing of
robots.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = np.ndarray | tuple[float, float]  # x, y [pixels]
Box = tuple[int, int, int, int]  # left, top, right, bottom [pixels]

GROUND, FAINT, TEXT, MUTED = (13, 15, 19), (58, 63, 73), (236, 239, 244), (160, 168, 182)
PLAN, CURVE = (255, 209, 102), (120, 190, 255)
# bluish green and vermilion: told apart in every common colour blindness
REACHED, MISSED = (52, 211, 153), (255, 122, 92)


def capsule(
    image: np.ndarray,
    first: Point,
    second: Point,
    radius: float,
    colour: Colour,
    alpha: float = 1.0,
    *,
    lighten: bool = False,
) -> None:
    """A line with round ends, or a disc, anti-aliased by its distance field, into `image` `[H, W,
    3]`; what lies outside is cut off.

    `lighten` keeps the brighter of old and new, so that the joints of a polyline do not show.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(np.minimum(a, b) - radius - 1), 0, size).astype(int)
    high = np.clip(np.ceil(np.maximum(a, b) + radius + 1), 0, size).astype(int)
    if (high <= low).any():
        return
    # pixel centres
    x, y = np.arange(low[0], high[0]) + 0.5 - a[0], np.arange(low[1], high[1])[:, None] + 0.5 - a[1]
    along = b - a
    share = np.clip((x * along[0] + y * along[1]) / max(along @ along, 1e-12), 0.0, 1.0)
    away = np.hypot(x - share * along[0], y - share * along[1])
    cover = alpha * np.clip(radius + 0.5 - away, 0.0, 1.0)[..., None]
    patch = image[low[1] : high[1], low[0] : high[0]]
    mixed = np.maximum(patch, cover * colour) if lighten else patch * (1 - cover) + cover * colour
    patch[:] = np.rint(mixed)


def ring(image: np.ndarray, centre: np.ndarray, radius: float, colour: Colour) -> None:
    """A circle's line into `image` `[H, W, 3]`."""
    corners = centre + radius * np.stack(
        [np.cos(angles := np.linspace(0, 2 * np.pi, 25)), np.sin(angles)], axis=-1
    )
    for first, second in pairwise(corners):
        capsule(image, first, second, 1.2, colour)


def sign(image: np.ndarray, centre: Point, size: float, good: bool, colour: Colour) -> None:
    """A tick or a cross, so that the verdict needs no colour."""
    corners = (
        [(-1.0, 0.0), (-0.25, 0.7), (1.0, -0.7)]
        if good
        else [(-0.8, -0.8), (0.8, 0.8), (0.0, 0.0), (-0.8, 0.8), (0.8, -0.8)]
    )
    points = np.array(corners) * size + centre
    for first, second in pairwise(points):
        capsule(image, first, second, size * 0.22, colour)


def label(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str) -> None:
    """A scene's name on a dark plate in its corner."""
    x, y = corner[0] + 10, corner[1] + 10
    draw.rounded_rectangle((x, y, x + font(19).getlength(text) + 16, y + 28), 6, fill=GROUND)
    draw.text((x + 8, y + 14), text, TEXT, font(19), anchor="lm")


def fit(scene: np.ndarray, size: int) -> np.ndarray:
    """A scene scaled to `[size, size, 3]`."""
    if scene.shape == (size, size, 3):
        return scene
    return np.asarray(Image.fromarray(scene).resize((size, size), Image.Resampling.BICUBIC))


def shorten(text: str, size: int, width: float) -> str:
    """The text, cut with an ellipsis to at most `width` pixels in a font of `size` pixels."""
    while font(size).getlength(text) > width:
        text = text.rstrip("…")[:-1] + "…"
    return text


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, `size` pixels high: the same on every machine."""
    return ImageFont.load_default(size)
