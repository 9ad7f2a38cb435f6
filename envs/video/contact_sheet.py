"""Many frames on one picture: a row of them per episode, in the order of time."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from latent_mpc.envs.video.drawing import GROUND, TEXT, fit, font

TILE, GAP, LABEL = 128, 4, 44  # [pixels]
PER_LETTER = 10  # that a longer name takes at least [pixels]


def contact_sheet(frames: Sequence[Sequence[np.ndarray]], names: Sequence[str]) -> bytes:
    """Frames uint8 `[H, W, 3]`, one sequence of equal length and one name per row -> a png."""
    step, label = TILE + GAP, max(LABEL, PER_LETTER * max(map(len, names)))
    sheet = Image.new(
        "RGB", (label + step * len(frames[0]) + GAP, step * len(frames) + GAP), GROUND
    )
    draw = ImageDraw.Draw(sheet)
    for row, (line, name) in enumerate(zip(frames, names, strict=True)):
        draw.text((label / 2, row * step + GAP + TILE / 2), name, TEXT, font(17), anchor="mm")
        for column, frame in enumerate(line):
            sheet.paste(
                Image.fromarray(fit(frame, TILE)), (label + column * step + GAP, row * step + GAP)
            )
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
