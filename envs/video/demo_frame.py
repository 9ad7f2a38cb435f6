"""The picture of the demo: the robot with its plan, the goal, the distance falling, the verdict.

Pure functions over plain data: no simulator, no camera, no model. Pictures are uint8 RGB; positions
in a picture are shares of its width and height from the top left, as a camera's `project` gives
them.

Shapes: T control steps, P rows and columns of a scene, K points of an imagined path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.video.demo_plot import axes, curve
from latent_mpc.envs.video.drawing import (
    CURVE,
    FAINT,
    GROUND,
    MISSED,
    MUTED,
    PLAN,
    REACHED,
    TEXT,
    Box,
    capsule,
    fit,
    font,
    label,
    ring,
    shorten,
    sign,
)

WIDTH, HEIGHT = 960, 688  # [pixels], multiples of 16, which every decoder likes
PICTURE = 448  # rows and columns of a scene in the frame; scenes of another size are scaled to it
ROBOT, GOAL = (22, 52), (490, 52)  # top left corners of the two scenes
VERDICT: Box = (490, 556, 734, 612)
MOST_MARKS = 13  # goals whose verdicts have room below
PLAN_LABEL = "plan, imagined (probe from latents)"


@dataclass(frozen=True)
class Episode:
    """What `compose_episode` draws. Element t of each sequence is the state after t control steps,
    so T control steps are T + 1 elements.

    Args:
        scenes: the robot, uint8 `[P, P, 3]` each.
        goal: the scene at the goal, uint8 `[P, P, 3]`.
        plans: the imagined path of what has to reach the goal, `[K, 2]` shares each; empty for
            none. May be shorter than `scenes`.
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
        if (
            not count
            or len(self.distances) != count
            or len(self.success) != count
            or len(self.plans) > count
        ):
            raise LatentMPCError(
                "an episode needs one scene, distance and success for each state, and no more"
                f" plans, got {count}, {len(self.distances)}, {len(self.success)} and"
                f" {len(self.plans)}"
            )
        if not 1 <= self.index <= self.total:
            raise LatentMPCError(
                f"index must lie within 1 and total {self.total}, got {self.index}"
            )


def compose_episode(episode: Episode, hold: float = 1.0) -> Iterator[np.ndarray]:
    """Frames uint8 `[HEIGHT, WIDTH, 3]`, one for each state, then the verdict for `hold` seconds at
    one frame per control period.
    """
    sheet = _sheet(episode)
    xy = curve(episode.distances, episode.control_period)
    for step, scene in enumerate(episode.scenes):
        if step:
            # the sheet keeps the curve: each frame adds one piece
            capsule(sheet, xy[step - 1], xy[step], 1.6, CURVE, lighten=True)
        frame = sheet.copy()
        capsule(frame, xy[step], xy[step], 4.5, CURVE)
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
    free = WIDTH - 3 * ROBOT[0] - font(24).getlength(number)
    draw.text((ROBOT[0], 26), shorten(episode.title, 24, free), TEXT, font(24), anchor="lm")
    draw.text((WIDTH - ROBOT[0], 26), number, TEXT, font(24), anchor="rm")
    image.paste(Image.fromarray(fit(episode.goal, PICTURE)), GOAL)
    label(draw, GOAL, "goal")
    _legend(draw, episode)
    for corner in (ROBOT, GOAL):
        draw.rectangle(
            (corner[0] - 1, corner[1] - 1, corner[0] + PICTURE, corner[1] + PICTURE), outline=FAINT
        )
    axes(draw, episode.distances, episode.unit, episode.control_period)
    if episode.total <= MOST_MARKS:
        draw.text((GOAL[0], 646), "goals", MUTED, font(19), anchor="lm")
    sheet = np.asarray(image).copy()
    _tally(sheet, episode)
    return sheet


def _draw_robot(frame: np.ndarray, scene: np.ndarray, episode: Episode, step: int) -> None:
    # what is drawn on the view is cut off at its border
    view = frame[ROBOT[1] : ROBOT[1] + PICTURE, ROBOT[0] : ROBOT[0] + PICTURE]
    view[:] = fit(scene, PICTURE)
    if episode.goal_point is not None:
        ring(view, np.asarray(episode.goal_point) * PICTURE, 11.0, TEXT)
    if step < len(episode.plans):
        _draw_plan(view, np.asarray(episode.plans[step], dtype=np.float64).reshape(-1, 2) * PICTURE)


def _draw_plan(view: np.ndarray, points: np.ndarray) -> None:
    """The path as dots that fade with time, the nearest future brightest; points that are not
    finite are left out.
    """
    points = points[np.isfinite(points).all(axis=1)]
    fade = np.linspace(1.0, 0.30, len(points))
    for first, second, alpha in zip(points, points[1:], fade, strict=False):
        capsule(view, first, second, 1.2, PLAN, 0.7 * alpha)
    for point, alpha in reversed(list(zip(points, fade, strict=True))):
        # a dark rim, to be seen on any colour
        capsule(view, point, point, 5.2, GROUND, 0.7 * alpha)
        capsule(view, point, point, 3.8, PLAN, alpha)


def _write_status(frame: np.ndarray, episode: Episode, step: int) -> np.ndarray:
    """The frame with the text that changes."""
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    last = len(episode.scenes) - 1
    label(draw, ROBOT, "robot")
    draw.text(
        (GOAL[0], 524),
        f"step {step} / {last}  ({step * episode.control_period:.1f} s)",
        TEXT,
        font(25),
        anchor="lm",
    )
    draw.text(
        (WIDTH - ROBOT[0], 524),
        f"{episode.distances[step]:.3f} {episode.unit} to go",
        CURVE,
        font(25),
        anchor="rm",
    )
    word, colour = ("at the goal", REACHED) if episode.success[step] else ("on its way", MUTED)
    draw.rounded_rectangle(VERDICT, 10, outline=colour, width=2)
    draw.text((VERDICT[0] + 54, 584), word, colour, font(28), anchor="lm")
    return np.asarray(image)


def _write_verdict(frame: np.ndarray, episode: Episode) -> np.ndarray:
    """The last frame with the verdict in words, a sign and a colour, and the border of the robot's
    scene in that colour.
    """
    good = episode.success[-1]
    word, colour = ("reached", REACHED) if good else ("not reached", MISSED)
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle(VERDICT, 10, fill=colour)
    draw.text((VERDICT[0] + 54, 584), word, GROUND, font(28), anchor="lm")
    draw.rectangle(
        (ROBOT[0] - 3, ROBOT[1] - 3, ROBOT[0] + PICTURE + 2, ROBOT[1] + PICTURE + 2),
        outline=colour,
        width=3,
    )
    final = np.asarray(image).copy()
    sign(final, (VERDICT[0] + 30, 584), 9.0, good, GROUND)
    _mark(final, episode.total, episode.index, good)
    return final


def _legend(draw: ImageDraw.ImageDraw, episode: Episode) -> None:
    """What the dots and the ring on the robot's scene are, below it."""
    x, y = ROBOT[0], 520
    if any(len(plan) for plan in episode.plans):
        for dot in (6, 18, 30):
            draw.circle((x + dot, y), 3.8, fill=PLAN)
        draw.text((x + 44, y), PLAN_LABEL, PLAN, font(19), anchor="lm")
    if episode.goal_point is not None:
        draw.circle((x + PICTURE - 54, y), 8, outline=TEXT, width=2)
        draw.text((x + PICTURE, y), "goal", TEXT, font(19), anchor="rm")


def _tally(sheet: np.ndarray, episode: Episode) -> None:
    """One mark for each goal: a verdict for those before this one, an empty circle for the
    others.
    """
    for number in range(1, episode.total + 1):
        _mark(
            sheet,
            episode.total,
            number,
            episode.earlier[number - 1] if number <= len(episode.earlier) else None,
        )


def _mark(image: np.ndarray, total: int, number: int, verdict: bool | None) -> None:
    if total > MOST_MARKS:
        return
    centre = (GOAL[0] + 54 + 28 * number, 646)
    capsule(
        image, centre, centre, 11.0, FAINT if verdict is None else REACHED if verdict else MISSED
    )
    if verdict is None:
        capsule(image, centre, centre, 9.0, GROUND)
    else:
        sign(image, centre, 5.0, verdict, GROUND)
