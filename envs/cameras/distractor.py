"""Pictures in which something moves that no action moves: leaves, in front of the robot and behind
it. What a model sees of them is of no use to it.

`frame`: drawn anew in each control step. `episode`: one pattern that stays for the episode.
`moving`: each leaf flies by a law of its own and comes back in at the other side.

A picture stays a function of the simulator state. MuJoCo's time, on which no physics depends, says
which episode it is and how long it has lasted: an episode begins at a multiple of EPOCH that its
first positions decide. So the seed that draws starts decides the leaves, too, and a goal has others
than the episode that it is the goal of.

Shapes: L leaves, H and W pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from latent_mpc.configs.checks import one_of, within
from latent_mpc.configs.names import DISTRACTORS
from latent_mpc.envs.cameras.ray import RayCamera

EPOCH = 1000.0  # [s] between the beginnings of two episodes, longer than any
EPISODES = 2**20  # different ones; time stays exact to a microsecond
RADIUS = (0.05, 0.12)  # of leaves, as shares of the picture's width
SPEED = (0.1, 0.4)  # of moving ones [widths/s]
MOST = 200  # leaves
NUMBERS = 4  # leaves whose places are told, two in front and two behind


@dataclass(frozen=True)
class Distractor:
    """What is drawn.

    Args:
        kind: one of DISTRACTORS, not "none".
        share: of the picture that leaves cover, in front and behind together, when they are drawn.
        period: of a control step [s]; leaves of `frame` change as often.
    """

    kind: str
    share: float
    period: float

    def __post_init__(self) -> None:
        one_of(self, kind=DISTRACTORS[1:])
        within(self, share=(0.01, 0.9))

    def leaves(self, time: float) -> Leaves:
        """Those of a moment of the simulator's time [s]."""
        episode, seconds = divmod(time, EPOCH)
        key = [int(episode)]
        if self.kind == "frame":
            key.append(1 + round(seconds / self.period))  # 0 is the episode's own
        leaves = draw_leaves(np.random.default_rng(key), self.share)
        if self.kind == "moving":
            flown = leaves.place + seconds * leaves.velocity
            # leaves that have left come in again: the world is a little wider than the picture
            margin = RADIUS[1]
            flown = (flown + margin) % (1 + 2 * margin) - margin
            leaves = Leaves(flown, leaves.velocity, leaves.radius, leaves.colour)
        return leaves

    def numbers(self, time: float) -> np.ndarray:
        """Where the first leaves are `[2 NUMBERS]`, for probes."""
        return self.leaves(time).place[:NUMBERS].ravel()


@dataclass(frozen=True)
class Leaves:
    """Discs; every second one is in front of the robot, the first is."""

    place: np.ndarray  # (L, 2) x and y of the middle, shares of the width from the top left
    velocity: np.ndarray  # (L, 2) [widths/s]
    radius: np.ndarray  # (L,) [widths]
    colour: np.ndarray  # (L, 3) uint8

    def paint(self, picture: np.ndarray, behind: np.ndarray) -> np.ndarray:
        """The picture `[H, W, 3]` with them; `behind` `[H, W]`: where those behind are seen."""
        painted = picture.copy()
        for i, cover in enumerate(_covers(self.place, self.radius, len(picture))):
            cover = cover * (behind if i % 2 else 1.0)
            painted = painted + cover[..., None] * (self.colour[i] - painted)
        return np.rint(painted).astype(np.uint8)


def draw_leaves(rng: np.random.Generator, share: float) -> Leaves:
    """As many as cover the share of the picture, NUMBERS at least."""
    place, radius = rng.uniform(0, 1, (MOST, 2)), rng.uniform(*RADIUS, MOST)
    angle, speed = rng.uniform(0, 2 * np.pi, MOST), rng.uniform(*SPEED, MOST)
    velocity = speed[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    colour = rng.integers(40, 256, (MOST, 3)).astype(np.float64)
    covered, count = np.zeros((32, 32)), 0
    for cover in _covers(place, radius, 32):
        covered, count = np.maximum(covered, cover), count + 1
        if count >= NUMBERS and covered.mean() >= share:
            break
    return Leaves(place[:count], velocity[:count], radius[:count], colour[:count])


class DistractedCamera(RayCamera):
    """A ray camera whose pictures have leaves in them."""

    def __init__(self, model: mujoco.MjModel, name: str, size: int, distractor: Distractor) -> None:
        super().__init__(model, name, size)
        self.distractor = distractor

    def render(self, data: mujoco.MjData) -> np.ndarray:
        """The picture of the current state: uint8 `[H, W, 3]`."""
        clean, geoms = super().render(data), self.geoms(data)
        # what moves hides those behind it; the last entry is for the background, geom -1
        robot = np.append(self._movable, False)[geoms]
        return self.distractor.leaves(data.time).paint(clean, ~robot)


def beginning(qpos: np.ndarray) -> float:
    """The simulator's time [s] at which an episode begins that begins at these positions."""
    return EPOCH * (
        1 + zlib.crc32(np.ascontiguousarray(qpos, dtype=np.float64).tobytes()) % EPISODES
    )


def _covers(place: np.ndarray, radius: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """How much of each pixel each leaf covers `[H, W]`, one leaf at a time."""
    at = (np.arange(size) + 0.5) / size
    for (x, y), one in zip(place, radius, strict=True):
        away = np.hypot(at - x, at[:, None] - y)
        yield np.clip(0.5 + (one - away) * size, 0.0, 1.0)
