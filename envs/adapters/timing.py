"""How long an action is held and how long an episode is: as a config has it, else by the rule of
`time_scale.py`.

Shapes: K probes, T steps of the adapter's own, n positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters import time_scale
from latent_mpc.envs.adapters.coordinates import Coordinates
from latent_mpc.envs.adapters.possible import require_multiple
from latent_mpc.envs.adapters.roles import Roles
from latent_mpc.envs.adapters.swings import swing_time
from latent_mpc.envs.adapters.timed_by import timed_by


class Timing(NamedTuple):
    """What a task keeps to."""

    steps_held: int  # of the adapter's own, in a control step
    control_period: float  # [s]
    episode_steps: int  # [control steps]
    uncut_steps: int = 0  # as of `TimeScale`, 0 where a config says how long an episode is

    @property
    def pace(self) -> float:
        """As of `Task`."""
        return self.control_period / time_scale.USUAL

    def about(self) -> list[str]:
        """Lines for people."""
        period, steps = self.control_period, self.episode_steps
        cut = ""  # where the rule's least or most decided, and not how slow the robot is
        if self.uncut_steps not in (0, steps):
            cut = (
                f"; {self.uncut_steps} by its slowest part, cut to {time_scale.SHORTEST} to"
                f" {time_scale.MOST}: longer ones by task.seconds"
            )
        return [
            f"  a control step of {period:g} s  (task.control_period={period:g})",
            (
                f"  an episode of {steps} control steps, {steps * period:g} s "
                f" (task.episode_steps={steps}){cut}"
            ),
            (
                f"  noise correlated over {0.3 * self.pace:.3g} s: collect.behaviour.correlation"
                f" times {self.pace:.3g}, as of a control step of {time_scale.USUAL} s"
            ),
        ]


@dataclass(frozen=True)
class AskedTiming:
    """What a config says of it; 0 where it leaves that open. Raises ValueError where an episode's
    length is given twice.
    """

    control_period: float  # [s]
    episode_steps: int  # [control steps]
    seconds: float  # of an episode, in the place of its steps

    def __post_init__(self) -> None:
        if self.episode_steps and self.seconds:
            raise LatentMPCError(
                "an episode's length must be given once: task.seconds or task.episode_steps"
            )

    @property
    def complete(self) -> bool:
        """Whether nothing is left open."""
        return bool(self.control_period and (self.episode_steps or self.seconds))

    def timing(self, name: str, step: float, rule: time_scale.TimeScale | None) -> Timing:
        """The timing in steps of the adapter's own [s], by the rule where something is open.

        Raises ValueError for a control period that is no multiple of the step.
        """
        period, episode, uncut = self.control_period, self.episode_steps, 0
        if rule:
            uncut = 0 if episode or self.seconds else rule.uncut_steps
            period, episode = period or rule.control_period, episode or rule.episode_steps
        require_multiple(name, period, step)
        held = round(period / step)
        period = round(held * step, 9)
        episode = max(1, round(self.seconds / period)) if self.seconds else episode
        return Timing(held, period, episode, uncut)


def time_scale_of(
    model: mujoco.MjModel,
    roles: Roles,
    coordinates: Coordinates,
    poses: np.ndarray,
    step: float,
    commanded: bool,
    direct: bool = True,
) -> time_scale.TimeScale:
    """What the rule says of a robot.

    Args:
        coordinates: what counts, where no joint is driven.
        poses: what `time_scale.probe` gives `[K, T + 1, n]`.
        step: of the adapter's own [s].
        commanded: its actions change commands of servos.
        direct: its actions are what actuators are given, scaled.
    """
    timed = timed_by(model, roles)  # success may lie in what is rarely touched, a cube
    moved = coordinates if timed.nothing else timed.joints
    rule = time_scale.follow_rule(poses, moved, step, timed.base, timed.most)
    if roles.bases:
        return rule
    if not direct:
        return rule.finer(step)
    rule = rule.at_least(time_scale.DECISIONS, step) if commanded else rule
    return rule.lasting(swing_time(model, roles.driven))
