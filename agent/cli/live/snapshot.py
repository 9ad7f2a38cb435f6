"""What a session tells: one control step, whole, that nobody changes afterwards.

Shapes: n simulator state, H horizon, K plans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Numbers(NamedTuple):
    """What a control step came to; NaN where there is none, as of a plan while hands act."""

    time: float  # since the session began [s of the robot]
    distance: float  # to the goal [unit of the task]
    cost: float  # of the plan in force
    decision_ms: float  # observation, encoding and planning [ms]
    evaluations: float  # imagined rollouts of the decision
    surprise: float  # of what was seen by what was imagined a model step before [std of latents]
    dream_error: float  # between dream and simulator [m]


@dataclass(frozen=True)
class Dreamt:
    """Where the dream is."""

    steps: int  # model steps since it left the simulator
    place: np.ndarray | None  # (3,) [m] of what has to reach the goal; None: no probe
    state: np.ndarray | None  # (n,) a robot that has it there
    picture: np.ndarray | None  # uint8 (H, W, 3), decoded; None: no decoder
    parted: int  # model steps after which dream and simulator were apart; 0: not yet


@dataclass(frozen=True)
class Snapshot:
    """A control step, as it is drawn while the next one is computed."""

    number: int
    began: float  # `time.perf_counter()` [s] when it is to be shown
    seconds: float  # [s] over which it is to be shown
    before: np.ndarray  # (n,)
    after: np.ndarray  # (n,)
    goal: np.ndarray  # (n,)
    reached: bool
    numbers: Numbers
    path: np.ndarray  # (H + 1, 3) [m] where the best plan leads; (0, 3) without one
    others: np.ndarray  # (K, H + 1, 3) [m] other plans of this decision
    settings: dict[str, dict[str, Any]]  # planner and cost
    driving: bool
    world: str
    paused: bool
    speed: float
    pair: int
    recorded: int  # control steps in the recording; -1: nothing is recorded
    dream: Dreamt | None = None
    seen: np.ndarray | None = None  # uint8 (H, W, 3) what the agent saw, where it sees pictures
