"""How fast a robot is, found by moving it: from that follow the control period, the collector's
noise and the length of an episode.

The rule. Fresh from a reset, one full action (each number -1 or 1 at random) is held; T of a
coordinate is the median time after which it is a third of its range away. Then
- a control step, which is one model step, is a sixth of the median T of all coordinates, in whole
  steps of the environment;
- the collector's noise and rests, meant for control steps of 0.1 s, are stretched by the same
  factor: `pace`;
- an episode is seven times the longest T, that of a mobile robot's base included, between 20 and 60
  control steps, in tens; longer, up to 120, where a joint must swing itself up (`swings.py`).
Where actions of an arm do not go to actuators, as those that drag a Fetch's gripper, a control step
is a fifth of that: held for longer, such an action is several.
Which coordinates these are: `timed_by.py`.
Reacher (T 0.9 and 0.8 s) gets 0.1 s and 50 steps; it was given 0.1 s and 60 by hand.

Shapes: K probes, T steps of the environment, n positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.coordinates import NONE, Coordinates

PROBES = 16
FIRST = 4  # of them: by these a goal that is far too loose is known
LONGEST = 6.0  # [s] of a probe
PART = 1 / 3  # of the range
STEPS = 6  # model steps in which a typical coordinate covers that part under full action
EPISODE = 7  # times the slowest coordinate's T
SHORTEST, MOST = 20, 60  # [control steps] of an episode
FINER = 5  # parts of a control step of an arm whose actions drag its tool
SWINGING = 120  # at most, of one whose actuators cannot lift it
DECISIONS = 0.1  # [s] between decisions of a robot on servos that is bolted down
USUAL = 0.1  # [s] the control period for which the collector's times are meant


@dataclass(frozen=True)
class TimeScale:
    """What follows from probing."""

    control_period: float  # [s]
    episode_steps: int  # [control steps]
    # what seven times the longest T would be, beyond the least and the most too [control steps]
    uncut_steps: int

    def at_least(self, period: float, step: float) -> TimeScale:
        """With control steps no shorter than `period` [s], in whole steps of the environment [s],
        and the longest episode: a command crosses its range in three quarters of it.
        """
        held = step * max(1, round(max(period, self.control_period) / step))
        return TimeScale(held, MOST, MOST)

    def finer(self, step: float) -> TimeScale:
        """With control steps of a fifth, in whole steps of the environment [s]."""
        period = step * max(1, round(self.control_period / FINER / step))
        uncut = int(np.ceil(self.uncut_steps * self.control_period / period / 10) * 10)
        return TimeScale(period, int(np.clip(uncut, SHORTEST, MOST)), uncut)

    def lasting(self, seconds: float) -> TimeScale:
        """With an episode of at least so many seconds, up to SWINGING control steps."""
        needed = int(np.ceil(seconds / self.control_period / 10) * 10)
        steps = max(self.episode_steps, min(needed, SWINGING))
        return replace(self, episode_steps=steps, uncut_steps=max(self.uncut_steps, needed))


def probe(
    rng: np.random.Generator,
    begin: Callable[[np.random.Generator], np.ndarray],
    advance: Callable[[np.ndarray], np.ndarray],
    width: int,
    step: float,
    look: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray:
    """Positions `[K, T + 1, n]` while one full action is held.

    Args:
        begin: goes to a fresh reset; `advance` holds an action `[A]` in [-1, 1] for one step; both
            return positions `[n]`.
        step: of the environment [s].
        look: given the positions `[M, n]` of the first FIRST probes, may raise and so spare the
            others.
    """
    steps = round(LONGEST / step)
    poses = []
    for _ in range(PROBES):
        places = [begin(rng)]
        action = rng.choice([-1.0, 1.0], width)
        places += [advance(action) for _ in range(steps)]
        poses.append(np.stack(places))
        if look and len(poses) == FIRST:
            look(np.concatenate(poses))
    return np.stack(poses)


def follow_rule(
    poses: np.ndarray,
    coordinates: Coordinates,
    step: float,
    slow: Coordinates = NONE,
    most: float = np.inf,
) -> TimeScale:
    """Control period and episode length by the rule above. Raises ValueError if actions move none
    of the coordinates.

    Args:
        poses: what `probe` gives `[K, T + 1, n]`.
        step: of the environment [s].
        slow: more coordinates for the longest T, such as a robot's base, and for all of it where
            there are no others; of these no range is taken to be larger than `most`, however far
            they went.
    """
    slower = _times(poses, slow, step, most)
    times = _times(poses, coordinates, step) or slower
    times = times or _times(poses, coordinates, step, onward=True)  # it is on its way at least
    if not times:
        raise LatentMPCError(
            f"full actions of {LONGEST:g} s move none of"
            f" {', '.join(dict.fromkeys(coordinates.names or slow.names))} by a third of its range"
        )
    period = step * max(1, round(float(np.median(times)) / STEPS / step))
    slowest = max(times + slower)
    uncut = int(np.ceil(EPISODE * slowest / period / 10) * 10)
    return TimeScale(period, int(np.clip(uncut, SHORTEST, MOST)), uncut)


def _times(
    poses: np.ndarray,
    coordinates: Coordinates,
    step: float,
    most: float = np.inf,
    onward: bool = False,
) -> list[float]:
    """T of each coordinate that comes as far [s]; `onward`: that would, at the pace of its furthest
    probe, as on the far side of a wide maze.
    """
    time_of = _time_onward if onward else _moving_time
    every = (time_of(poses, coordinates, c, most) for c in range(len(coordinates.index)))
    return [time * step for time in every if np.isfinite(time)]


def _moving_time(poses: np.ndarray, coordinates: Coordinates, c: int, most: float) -> float:
    """Steps until a coordinate is a third of its range away from where it began: median of the
    probes that come so far, or inf.
    """
    place = poses[:, :, coordinates.index[c]]
    most = min(most, 2 * np.pi) if coordinates.wraps[c] else most
    reach = min(float(np.ptp(place)), most)
    far = np.abs(place - place[:, :1]) >= reach * PART
    arrived = far.any(axis=1)
    return float(np.median(far[arrived].argmax(axis=1))) if arrived.any() and reach > 0 else np.inf


def _time_onward(poses: np.ndarray, coordinates: Coordinates, c: int, most: float) -> float:
    """Steps until a coordinate would be a third of its range away, from the furthest that it came;
    inf where that is not a third of the way.
    """
    place = poses[:, :, coordinates.index[c]]
    reach, furthest = min(float(np.ptp(place)), most), float(np.abs(place - place[:, :1]).max())
    steps = (place.shape[1] - 1) * reach * PART / furthest if furthest > 0 else np.inf
    return steps if furthest >= reach * PART * PART and reach > 0 else np.inf
