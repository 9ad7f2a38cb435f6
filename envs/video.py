"""Frames -> mp4 and gif, and the picture of the demo: the robot with its plan, the goal, the distance falling, the verdict.

Pure functions over plain data: no simulator, no camera, no model. Pictures are uint8 RGB; positions in a picture are shares of its
width and height from the top left, as a camera's `project` gives them.

Shapes: T control steps, P rows and columns of a scene, K points of an imagined path.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice, pairwise
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = np.ndarray | tuple[float, float]  # x, y [pixels]
Box = tuple[int, int, int, int]  # left, top, right, bottom [pixels]

WIDTH, HEIGHT = 960, 688  # [pixels], multiples of 16, which every decoder likes
PICTURE = 448  # rows and columns of a scene in the frame; scenes of another size are scaled to it
ROBOT, GOAL = (22, 52), (490, 52)  # top left corners of the two scenes
VERDICT: Box = (490, 556, 734, 612)
MOST_MARKS = 13  # goals whose verdicts have room below
PLOT: Box = (76, 578, 464, 652)  # the curve's own area, axes outside
GROUND, PANEL, FAINT, TEXT, MUTED = (13, 15, 19), (26, 28, 33), (58, 63, 73), (236, 239, 244), (160, 168, 182)
PLAN, CURVE = (255, 209, 102), (120, 190, 255)
REACHED, MISSED = (52, 211, 153), (255, 122, 92)  # bluish green and vermilion: told apart in every common colour blindness
PLAN_LABEL = "plan, imagined (probe from latents)"


@dataclass(frozen=True)
class Episode:
    """What `compose_episode` draws. Element t of each sequence is the state after t control steps, so T control steps are T + 1 elements.

    Args:
        scenes: the robot, uint8 `[P, P, 3]` each.
        goal: the scene at the goal, uint8 `[P, P, 3]`.
        plans: the imagined path of what has to reach the goal, `[K, 2]` shares each; empty for none. May be shorter than `scenes`.
        distances: the task's distance to the goal [unit].
        unit: of the distances.
        control_period: [s]
        success: whether each state counts as reached; the last is the verdict.
        index: number of this goal, from 1; total: number of goals.
        title: task and checkpoint.
        earlier: verdicts of the goals before this one.
        goal_point: where the goal lies in the robot's scene, `[2]` shares; drawn as a ring.

    Raises:
        ValueError: no scene, sequences of different lengths, or an index outside 1..total.
    """

    scenes: Sequence[np.ndarray]
    goal: np.ndarray
    plans: Sequence[np.ndarray]
    distances: Sequence[float]
    unit: str
    control_period: float
    success: Sequence[bool]
    index: int
    total: int
    title: str
    earlier: Sequence[bool] = ()
    goal_point: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.scenes)
        if not count or len(self.distances) != count or len(self.success) != count or len(self.plans) > count:
            raise ValueError(
                "an episode needs one scene, distance and success for each state, and no more plans, "
                f"got {count}, {len(self.distances)}, {len(self.success)} and {len(self.plans)}"
            )
        if not 1 <= self.index <= self.total:
            raise ValueError(f"index must lie within 1 and total {self.total}, got {self.index}")


# The demo's frames


def compose_episode(episode: Episode, hold: float = 1.0) -> Iterator[np.ndarray]:
    """Frames uint8 `[HEIGHT, WIDTH, 3]`, one for each state, then the verdict for `hold` seconds at one frame per control period."""
    sheet = _sheet(episode)
    xy = _curve(episode)
    for step, scene in enumerate(episode.scenes):
        if step:
            _capsule(sheet, xy[step - 1], xy[step], 1.6, CURVE, lighten=True)  # the sheet keeps the curve: each frame adds one piece
        frame = sheet.copy()
        _capsule(frame, xy[step], xy[step], 4.5, CURVE)
        _draw_robot(frame, scene, episode, step)
        frame = _write_status(frame, episode, step)
        yield frame
    final = _write_verdict(frame, episode)
    for _ in range(max(1, round(hold / episode.control_period))):
        yield final


def _sheet(episode: Episode) -> np.ndarray:
    """All that stays the same during the episode."""
    image = Image.new("RGB", (WIDTH, HEIGHT), GROUND)
    draw = ImageDraw.Draw(image)
    number = f"goal {episode.index} of {episode.total}"
    free = WIDTH - 3 * ROBOT[0] - _font(24).getlength(number)
    draw.text((ROBOT[0], 26), _shorten(episode.title, 24, free), TEXT, _font(24), anchor="lm")
    draw.text((WIDTH - ROBOT[0], 26), number, TEXT, _font(24), anchor="rm")
    image.paste(Image.fromarray(_fit(episode.goal)), GOAL)
    _label(draw, GOAL, "goal")
    _legend(draw, episode)
    for corner in (ROBOT, GOAL):
        draw.rectangle((corner[0] - 1, corner[1] - 1, corner[0] + PICTURE, corner[1] + PICTURE), outline=FAINT)
    _axes(draw, episode)
    if episode.total <= MOST_MARKS:
        draw.text((GOAL[0], 646), "goals", MUTED, _font(19), anchor="lm")
    sheet = np.asarray(image).copy()
    _tally(sheet, episode)
    return sheet


def _draw_robot(frame: np.ndarray, scene: np.ndarray, episode: Episode, step: int) -> None:
    view = frame[ROBOT[1] : ROBOT[1] + PICTURE, ROBOT[0] : ROBOT[0] + PICTURE]  # what is drawn on the view is cut off at its border
    view[:] = _fit(scene)
    if episode.goal_point is not None:
        _ring(view, np.asarray(episode.goal_point) * PICTURE, 11.0, TEXT)
    if step < len(episode.plans):
        _draw_plan(view, np.asarray(episode.plans[step], dtype=np.float64).reshape(-1, 2) * PICTURE)


def _draw_plan(view: np.ndarray, points: np.ndarray) -> None:
    """The path as dots that fade with time, the nearest future brightest; points that are not finite are left out."""
    points = points[np.isfinite(points).all(axis=1)]
    fade = np.linspace(1.0, 0.30, len(points))
    for first, second, alpha in zip(points, points[1:], fade, strict=False):
        _capsule(view, first, second, 1.2, PLAN, 0.7 * alpha)
    for point, alpha in reversed(list(zip(points, fade, strict=True))):
        _capsule(view, point, point, 5.2, GROUND, 0.7 * alpha)  # a dark rim, to be seen on any colour
        _capsule(view, point, point, 3.8, PLAN, alpha)


def _write_status(frame: np.ndarray, episode: Episode, step: int) -> np.ndarray:
    """The frame with the text that changes."""
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    last = len(episode.scenes) - 1
    _label(draw, ROBOT, "robot")
    draw.text((GOAL[0], 524), f"step {step} / {last}  ({step * episode.control_period:.1f} s)", TEXT, _font(25), anchor="lm")
    draw.text((WIDTH - ROBOT[0], 524), f"{episode.distances[step]:.3f} {episode.unit} to go", CURVE, _font(25), anchor="rm")
    word, colour = ("at the goal", REACHED) if episode.success[step] else ("on its way", MUTED)
    draw.rounded_rectangle(VERDICT, 10, outline=colour, width=2)
    draw.text((VERDICT[0] + 54, 584), word, colour, _font(28), anchor="lm")
    return np.asarray(image)


def _write_verdict(frame: np.ndarray, episode: Episode) -> np.ndarray:
    """The last frame with the verdict in words, a sign and a colour, and the border of the robot's scene in that colour."""
    good = episode.success[-1]
    word, colour = ("reached", REACHED) if good else ("not reached", MISSED)
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle(VERDICT, 10, fill=colour)
    draw.text((VERDICT[0] + 54, 584), word, GROUND, _font(28), anchor="lm")
    draw.rectangle((ROBOT[0] - 3, ROBOT[1] - 3, ROBOT[0] + PICTURE + 2, ROBOT[1] + PICTURE + 2), outline=colour, width=3)
    final = np.asarray(image).copy()
    _sign(final, (VERDICT[0] + 30, 584), 9.0, good, GROUND)
    _mark(final, episode.total, episode.index, good)
    return final


def _legend(draw: ImageDraw.ImageDraw, episode: Episode) -> None:
    """What the dots and the ring on the robot's scene are, below it."""
    x, y = ROBOT[0], 520
    if any(len(plan) for plan in episode.plans):
        for dot in (6, 18, 30):
            draw.circle((x + dot, y), 3.8, fill=PLAN)
        draw.text((x + 44, y), PLAN_LABEL, PLAN, _font(19), anchor="lm")
    if episode.goal_point is not None:
        draw.circle((x + PICTURE - 54, y), 8, outline=TEXT, width=2)
        draw.text((x + PICTURE, y), "goal", TEXT, _font(19), anchor="rm")


def _tally(sheet: np.ndarray, episode: Episode) -> None:
    """One mark for each goal: a verdict for those before this one, an empty circle for the others."""
    for number in range(1, episode.total + 1):
        _mark(sheet, episode.total, number, episode.earlier[number - 1] if number <= len(episode.earlier) else None)


def _mark(image: np.ndarray, total: int, number: int, verdict: bool | None) -> None:
    if total > MOST_MARKS:
        return
    centre = (GOAL[0] + 54 + 28 * number, 646)
    _capsule(image, centre, centre, 11.0, FAINT if verdict is None else REACHED if verdict else MISSED)
    if verdict is None:
        _capsule(image, centre, centre, 9.0, GROUND)
    else:
        _sign(image, centre, 5.0, verdict, GROUND)


def _sign(image: np.ndarray, centre: Point, size: float, good: bool, colour: Colour) -> None:
    """A tick or a cross, so that the verdict needs no colour."""
    corners = [(-1.0, 0.0), (-0.25, 0.7), (1.0, -0.7)] if good else [(-0.8, -0.8), (0.8, 0.8), (0.0, 0.0), (-0.8, 0.8), (0.8, -0.8)]
    points = np.array(corners) * size + centre
    for first, second in pairwise(points):
        _capsule(image, first, second, size * 0.22, colour)


# The plot


def _axes(draw: ImageDraw.ImageDraw, episode: Episode) -> None:
    left, top, right, bottom = PLOT
    ceiling, seconds = _ranges(episode)
    draw.text((ROBOT[0], 553), f"distance [{episode.unit}] against time [s]", MUTED, _font(18), anchor="lm")
    for value in (0.0, ceiling / 2, ceiling):
        y = bottom - value / ceiling * (bottom - top)
        draw.line((left, y, right, y), FAINT)
        draw.text((left - 8, y), f"{value:g}", MUTED, _font(17), anchor="rm")
    stride = _round_up(seconds / 6)
    for tick in np.arange(0.0, seconds + 1e-9, stride):
        x = left + tick / seconds * (right - left)
        draw.line((x, bottom, x, bottom + 4), FAINT)
        draw.text((x, bottom + 8), f"{tick:g}", MUTED, _font(17), anchor="mt")


def _curve(episode: Episode) -> np.ndarray:
    """Positions `[T + 1, 2]` [pixels] of the distances in the plot."""
    left, top, right, bottom = PLOT
    ceiling, seconds = _ranges(episode)
    time = np.arange(len(episode.distances)) * episode.control_period
    share = np.nan_to_num(np.asarray(episode.distances, dtype=np.float64)) / ceiling
    return np.stack([left + time / seconds * (right - left), bottom - share * (bottom - top)], axis=-1)


def _ranges(episode: Episode) -> tuple[float, float]:
    """Upper ends of the distance [unit] and time [s] axes."""
    farthest = float(np.nanmax(episode.distances, initial=1e-9))
    return _round_up(farthest), max(1, len(episode.scenes) - 1) * episode.control_period


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 10, 20, … times a power of ten: numbers whose halves are short."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 10) if step * power >= value * (1 - 1e-9))


# Drawing


def _capsule(
    image: np.ndarray, first: Point, second: Point, radius: float, colour: Colour, alpha: float = 1.0, *, lighten: bool = False
) -> None:
    """A line with round ends, or a disc, anti-aliased by its distance field, into `image` `[H, W, 3]`; what lies outside is cut off.

    `lighten` keeps the brighter of old and new, so that pieces of a curve join without beads.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(np.minimum(a, b) - radius - 1), 0, size).astype(int)
    high = np.clip(np.ceil(np.maximum(a, b) + radius + 1), 0, size).astype(int)
    if (high <= low).any():
        return
    x, y = np.arange(low[0], high[0]) + 0.5 - a[0], np.arange(low[1], high[1])[:, None] + 0.5 - a[1]  # pixel centres
    along = b - a
    share = np.clip((x * along[0] + y * along[1]) / max(along @ along, 1e-12), 0.0, 1.0)
    away = np.hypot(x - share * along[0], y - share * along[1])
    cover = alpha * np.clip(radius + 0.5 - away, 0.0, 1.0)[..., None]
    patch = image[low[1] : high[1], low[0] : high[0]]
    mixed = np.maximum(patch, cover * colour) if lighten else patch * (1 - cover) + cover * colour
    patch[:] = np.rint(mixed)


def _ring(image: np.ndarray, centre: np.ndarray, radius: float, colour: Colour) -> None:
    corners = centre + radius * np.stack([np.cos(angles := np.linspace(0, 2 * np.pi, 25)), np.sin(angles)], axis=-1)
    for first, second in pairwise(corners):
        _capsule(image, first, second, 1.2, colour)


def _label(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str) -> None:
    """A scene's name on a dark plate in its corner."""
    x, y = corner[0] + 10, corner[1] + 10
    draw.rounded_rectangle((x, y, x + _font(19).getlength(text) + 16, y + 28), 6, fill=GROUND)
    draw.text((x + 8, y + 14), text, TEXT, _font(19), anchor="lm")


def _fit(scene: np.ndarray) -> np.ndarray:
    if scene.shape == (PICTURE, PICTURE, 3):
        return scene
    return np.asarray(Image.fromarray(scene).resize((PICTURE, PICTURE), Image.Resampling.BICUBIC))


def _shorten(text: str, size: int, width: float) -> str:
    while _font(size).getlength(text) > width:
        text = text.rstrip("…")[:-1] + "…"
    return text


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


# Files


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float) -> Path:
    """Write frames uint8 `[H, W, 3]`, H and W even, as h264 in yuv420p, which every browser plays. Atomic.

    Raises:
        ValueError: no frame, frames of odd or different sizes, or fps not above 0.
        OSError: the path cannot be written.
    """
    first, frames = _begin(frames, fps)
    if first.shape[0] % 2 or first.shape[1] % 2:
        raise ValueError(f"an mp4 needs frames of even width and height, got {first.shape[1]} x {first.shape[0]}")
    with _atomic(path, ".mp4") as part, iio.imopen(part, "w", plugin="pyav") as file:
        file.init_video_stream("libx264", fps=float(fps), pixel_format="yuv420p")
        for frame in frames:
            file.write_frame(_checked(frame, first))
    return Path(path)


def write_gif(path: str | Path, frames: Iterable[np.ndarray], fps: float, width: int = 640, every: int = 1) -> Path:
    """Write a small endless gif, `width` pixels wide, of each `every`-th frame; `fps` is the pace of `frames`. Atomic.

    One palette for all frames and no dithering: what stands still stays the same and costs nothing.
    Equal neighbours become one longer frame. Keeps all frames in memory. Raises as `write_video`.
    """
    first, frames = _begin(frames, fps)
    size = (width, round(width * first.shape[0] / first.shape[1]))
    kept = islice((_checked(frame, first) for frame in frames), 0, None, every)
    small = [Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS) for frame in kept]
    palette = _palette(small)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in small]
    with _atomic(path, ".gif") as part:
        indexed[0].save(part, "GIF", save_all=True, append_images=indexed[1:], duration=1000 * every / fps, loop=0)
    return Path(path)


def _palette(images: list[Image.Image]) -> Image.Image:
    """256 colours for all images: the 64 most frequent as they are, and 192 by median cut of the shades between.

    Median cut alone gives a large shaded scene everything and turns a small green tick blue.
    """
    pixels = np.concatenate([np.asarray(image).reshape(-1, 3) for image in images[:: max(1, len(images) // 16)] + images[-1:]])
    codes, counts = np.unique(pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32), return_counts=True)
    flat = codes[np.argsort(-counts, kind="stable")[:64]]
    exact = np.stack([flat >> 16, flat >> 8 & 255, flat & 255], axis=-1).astype(np.uint8)
    shades = Image.fromarray(pixels[None]).quantize(192, method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*exact.ravel().tolist(), *shades[: 192 * 3]])
    return palette


def _begin(frames: Iterable[np.ndarray], fps: float) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """The first frame, and all of them."""
    if not fps > 0:
        raise ValueError(f"fps must be above 0, got {fps}")
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise ValueError("a video needs at least one frame, got none")
    return first, chain([first], rest)


def _checked(frame: np.ndarray, first: np.ndarray) -> np.ndarray:
    if frame.shape != first.shape or frame.dtype != np.uint8:
        raise ValueError(f"every frame must be uint8 {first.shape} as the first, got {frame.dtype} {frame.shape}")
    return frame


@contextmanager
def _atomic(path: str | Path, suffix: str) -> Iterator[Path]:
    """A path to write to, moved to `path` when all is written and removed otherwise: nobody meets half a file."""
    target = Path(path)
    if target.suffix != suffix:
        raise ValueError(f"the file must end in {suffix}, got {target.name!r}")
    part = target.with_name(f".{target.stem}.part{suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        part.touch()
    except OSError as error:
        raise OSError(f"cannot write {target}: {error.strerror}") from error
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
