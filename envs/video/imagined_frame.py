"""The picture of an imagined future: the simulator, what was imagined for the same actions, their
difference; below it the errors against steps ahead.

Pure functions over plain data: no simulator, no camera, no model. Pictures are uint8 RGB.

Shapes: K model steps ahead, P rows and columns of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.video.demo_plot import round_up
from latent_mpc.envs.video.drawing import (
    CURVE,
    FAINT,
    GROUND,
    MISSED,
    MUTED,
    PLAN,
    TEXT,
    Box,
    Colour,
    capsule,
    fit,
    font,
    label,
    shorten,
)

WIDTH, MARGIN, TOP, GAP = 960, 22, 52, 12  # [pixels]
PICTURE = 292  # rows and columns of a scene; pictures of another size are scaled to it
BELOW = 248  # for the plot
COLUMNS = ("simulator", "imagined", "difference")
COLOURS: dict[str, Colour] = {
    "imagined": PLAN,
    "what if": MISSED,
    "copying the last": CURVE,
    "the mean": MUTED,
}


@dataclass(frozen=True)
class Row:
    """One line of scenes: what was done, or what was not.

    Args:
        name: written on its scenes; empty = nothing is.
        true, imagined: uint8 `[K + 1, P, P, 3]`, the moment first.
    """

    name: str
    true: np.ndarray
    imagined: np.ndarray


@dataclass(frozen=True)
class Future:
    """What `compose_future` draws.

    Args:
        rows: one, or two where it is asked what if.
        errors: by the names of COLOURS, `[K]` each.
        unit: of the errors.
        step_seconds: of a model step [s].
        title, note: above, left and right.

    Raises:
        ValueError: no row, or pictures and errors that do not fit together.
    """

    rows: Sequence[Row]
    errors: Mapping[str, Sequence[float]]
    unit: str
    step_seconds: float
    title: str
    note: str = ""

    def __post_init__(self) -> None:
        lengths = {len(row.true) for row in self.rows} | {len(row.imagined) for row in self.rows}
        lengths |= {len(one) + 1 for one in self.errors.values()}
        if len(lengths) != 1 or not self.rows:
            raise LatentMPCError(
                "a future needs pictures of K + 1 moments and errors of K steps, got lengths"
                f" {sorted(lengths)}"
            )


def compose_future(future: Future, hold: float = 1.0) -> Iterator[np.ndarray]:
    """Frames uint8 `[H, 960, 3]`, one for each step, the first and the last for `hold` seconds."""
    sheet, points = _sheet(future)
    count = len(future.rows[0].true)
    pause = max(1, round(hold / future.step_seconds))
    for step in range(count):
        frame = sheet.copy()
        for number, row in enumerate(future.rows):
            pictures = (
                row.true[step],
                row.imagined[step],
                np.abs(row.true[step].astype(int) - row.imagined[step]).astype(np.uint8),
            )
            for column, picture in enumerate(pictures):
                x, y = _corner(number, column)
                frame[y : y + PICTURE, x : x + PICTURE] = fit(picture, PICTURE)
        for name, xy in points.items():
            for first, second in zip(xy[: step - 1], xy[1:step], strict=False):
                capsule(frame, first, second, 1.6, COLOURS[name], lighten=True)
            if step:
                capsule(frame, xy[step - 1], xy[step - 1], 4.0, COLOURS[name])
        yield from [_write(frame, future, step)] * (pause if step in (0, count - 1) else 1)


def _corner(row: int, column: int) -> tuple[int, int]:
    return MARGIN + column * (PICTURE + 20), TOP + row * (PICTURE + GAP)


def _sheet(future: Future) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All that stays the same, and where each error lies in the plot `[K, 2]` [pixels]."""
    bottom = TOP + len(future.rows) * (PICTURE + GAP)
    image = Image.new("RGB", (WIDTH, bottom + BELOW - GAP), GROUND)
    draw = ImageDraw.Draw(image)
    free = WIDTH - 3 * MARGIN - font(24).getlength(future.note)
    draw.text((MARGIN, 26), shorten(future.title, 24, free), TEXT, font(24), anchor="lm")
    draw.text((WIDTH - MARGIN, 26), future.note, MUTED, font(24), anchor="rm")
    box = (MARGIN + 44, bottom + 34, 620, bottom + BELOW - GAP - 44)
    points = _axes(draw, future, box)
    return np.asarray(image), points


def _axes(draw: ImageDraw.ImageDraw, future: Future, box: Box) -> dict[str, np.ndarray]:
    """Draw them; where the errors lie between them."""
    left, top, right, bottom = box
    steps = len(future.rows[0].true) - 1
    ceiling = round_up(max(1e-9, *(max(one) for one in future.errors.values())))
    draw.text(
        (MARGIN, top - 22),
        f"error [{future.unit}] against steps ahead",
        MUTED,
        font(18),
        anchor="lm",
    )
    for value in (0.0, ceiling / 2, ceiling):
        y = bottom - value / ceiling * (bottom - top)
        draw.line((left, y, right, y), FAINT)
        draw.text((left - 8, y), f"{value:g}", MUTED, font(17), anchor="rm")
    stride = max(1, round(round_up(steps / 6)))
    for tick in range(0, steps + 1, stride):
        x = left + tick / steps * (right - left)
        draw.line((x, bottom, x, bottom + 4), FAINT)
        draw.text((x, bottom + 8), f"{tick}", MUTED, font(17), anchor="mt")
    ahead = left + np.arange(1, steps + 1) / steps * (right - left)
    return {
        name: np.stack([ahead, bottom - np.asarray(one) / ceiling * (bottom - top)], axis=-1)
        for name, one in future.errors.items()
    }


def _write(frame: np.ndarray, future: Future, step: int) -> np.ndarray:
    """The frame with its words."""
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    for number, row in enumerate(future.rows):
        for column, name in enumerate(COLUMNS):
            what = f"{name}, {row.name}" if row.name and column < 2 else name
            label(draw, _corner(number, column), what)
    y = TOP + len(future.rows) * (PICTURE + GAP) + 12
    last = len(future.rows[0].true) - 1
    seconds = f"{step * future.step_seconds:.1f} s"
    draw.text((650, y), f"step {step} / {last}  ({seconds})", TEXT, font(22), anchor="lm")
    for line, (name, errors) in enumerate(future.errors.items()):
        at = y + 38 + 30 * line
        draw.circle((658, at), 5, fill=COLOURS[name])
        draw.text((674, at), name, COLOURS[name], font(19), anchor="lm")
        now = f"{errors[step - 1]:.3g}" if step else ""
        draw.text((WIDTH - MARGIN, at), now, COLOURS[name], font(19), anchor="rm")
    return np.asarray(image)
