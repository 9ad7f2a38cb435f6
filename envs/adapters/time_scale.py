"""How fast a robot is, found by moving it: from that follow the control period, the collector's
noise and the length of an episode.

The rule. Fresh from a reset, one full action (each number -1 or 1 at random) is held; T of a
coordinate is the median time after which it is a third of its range away. Then
- a control step, which is one model step, is a sixth of the median T of all coordinates, in whole
  steps of the environment;
- the collector's noise and rests, meant for control steps of 0.1 s, are stretched by the same
  factor: `pace`;
- an episode is seven times the longest T, between 20 and 60 control steps, in tens.
Reacher (T 0.9 and 0.8 s) gets 0.1 s and 50 steps; it was given 0.1 s and 60 by hand.

Shapes: K probes, T steps of the environment, n positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.coordinates import Coordinates

PROBES = 16
FIRST = 4  # of them: by these a goal that is far too loose is known
LONGEST = 6.0  # [s] of a probe
PART = 1 / 3  # of the range
STEPS = 6  # model steps in which a typical coordinate covers that part under full action
EPISODE = 7  # times the slowest coordinate's T
SHORTEST, MOST = 20, 60  # [control steps] of an episode
USUAL = 0.1  # [s] the control period for which the collector's times are meant


@dataclass(frozen=True)
class TimeScale:
    """What follows from probing."""

    control_period: float  # [s]
    episode_steps: int  # [control steps]
    # what seven times the longest T would be, beyond the least and the most too [control steps]
    uncut_steps: int


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


def follow_rule(poses: np.ndarray, coordinates: Coordinates, step: float) -> TimeScale:
    """Control period and episode length by the rule above. Raises ValueError if actions move none
    of the coordinates.

    Args:
        poses: what `probe` gives `[K, T + 1, n]`.
        step: of the environment [s].
    """
    times = [
        time
        for c in range(len(coordinates.index))
        if np.isfinite(time := _moving_time(poses, coordinates, c) * step)
    ]
    if not times:
        raise LatentMPCError(
            f"full actions of {LONGEST:g} s move none of"
            f" {', '.join(dict.fromkeys(coordinates.names))} by a third of its range"
        )
    period = step * max(1, round(float(np.median(times)) / STEPS / step))
    uncut = int(np.ceil(EPISODE * max(times) / period / 10) * 10)
    return TimeScale(period, int(np.clip(uncut, SHORTEST, MOST)), uncut)


def _moving_time(poses: np.ndarray, coordinates: Coordinates, c: int) -> float:
    """Steps until a coordinate is a third of its range away from where it began: median of the
    probes that come so far, or inf.
    """
    place = poses[:, :, coordinates.index[c]]
    reach = min(float(np.ptp(place)), 2 * np.pi) if coordinates.wraps[c] else float(np.ptp(place))
    far = np.abs(place - place[:, :1]) >= reach * PART
    arrived = far.any(axis=1)
    return float(np.median(far[arrived].argmax(axis=1))) if arrived.any() and reach > 0 else np.inf
