"""Goals at which a robot can stay: each is tried, by simulating it from there under the best
constant control.

A state that was brought to rest may fall as soon as time goes on: it was still moving when settling
was over, or balanced by chance. At such a goal nobody is at the end of an episode, unless passing
through.

Shapes: n simulator state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from latent_mpc.envs.adapters.settle import STILL
from latent_mpc.envs.task import Task

HELD = 0.5  # tolerances: how far from the goal the robot may drift in an episode
# [rad/s, m/s] that a state may still have when settling is over. Gymnasium's Ant creeps at 0.02 to
# 0.1 then and 9 of 20 hold; at STILL 1 of 20 did
MOVING = 0.1
LOOKS = 30  # at the drift, in an episode
CALM = 3  # looks at which it was at rest and grew no faster: it stays
TRIED = 20  # candidates, of which one has to hold
RESTING = 3  # of them: fewer, and the task's goals do not rest


class Candidate(NamedTuple):
    """A state that may be a goal."""

    state: np.ndarray  # (n,)
    rests: bool  # nothing that counts moved any more when it was settled


Draw = Callable[[], Candidate]


def drift(task: Task, goal: np.ndarray, most: float = np.inf) -> float:
    """How far from the goal `[n]` the robot gets in the rest of an episode that begins there, under
    one constant action [tolerances]; inf where the simulation diverges.

    Args:
        most: beyond that it is not followed any further.
    """
    task.restore(goal)
    action = task.still()
    every = max(1, task.episode_steps // LOOKS)
    furthest, calm, before = 0.0, 0, np.inf
    for step in range(1, task.episode_steps + 1):
        task.apply(action)
        if step % every and step < task.episode_steps:
            continue
        away = task.distance(task.snapshot(), goal)
        speed = float(np.abs(task.data.qvel).max(initial=0.0))
        if not (np.isfinite(away) and np.isfinite(speed)):
            return np.inf
        furthest = max(furthest, away)
        # a robot that begins to fall is slow, too, but grows faster
        calm = calm + 1 if speed < STILL and speed <= before else 0
        before = speed
        if furthest > most or calm == CALM:
            break
    return furthest


def held_of(task: Task, draw: Draw) -> int:
    """How many of TRIED candidates hold; RESTING where these are enough to know."""
    held = 0
    for _ in range(TRIED):
        state, rests = draw()
        held += rests and drift(task, state, HELD) <= HELD
        if held == RESTING:
            break
    return held


def draw_held(task: Task, draw: Draw) -> np.ndarray:
    """The first candidate that holds, of TRIED; of others the one that drifts least `[n]`."""
    best, least = None, np.inf
    for _ in range(TRIED):
        state, rests = draw()
        # one that holds is taken at once, so what is there drifts more than HELD
        away = drift(task, state, max(least, HELD))
        if rests and away <= HELD:
            return state
        if best is None or away < least:
            best, least = state, away
    assert best is not None  # there is one candidate at least
    return best
