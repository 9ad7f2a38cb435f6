"""What the collector does: sequences of actions that do not look at the observation.

"coloured" is noise with a correlation time, so that the robot gets somewhere, interrupted by rests,
so that it also stops: goals at rest are what teaches an agent to stop. "random" is white. "play" is
coloured noise that the simulator chose, so that objects are moved (`guided_play.py`). "auto" is
"play" where an object counts, else "coloured".

Shapes: T control steps, A action width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from latent_mpc.configs.errors import LatentMPCError, UnknownNameError


@dataclass(frozen=True)
class BehaviourConfig:
    """How the collector moves. All but `name` concern "coloured" only, correlation and std "play"
    too.

    Raises:
        KeyError: an unknown name. ValueError: a number out of its range.
    """

    name: str = "auto"  # one of BEHAVIOURS
    correlation: float = 0.3  # correlation time of the noise [s]; 0 = white
    std: float = 1.0  # std of the noise; clipped to [-1, 1], 1.0 saturates 32 % of it
    rest: float = 0.25  # mean share of time in which the robot is held where it is
    rest_shortest: float = 0.5  # shortest rest [s]
    rest_longest: float = 1.5  # longest rest [s]

    def __post_init__(self) -> None:
        if self.name not in BEHAVIOURS:
            raise UnknownNameError(
                f"no behaviour {self.name!r}; there are: {', '.join(sorted(BEHAVIOURS))}"
            )
        if not 0.0 <= self.correlation < np.inf:
            raise LatentMPCError(
                f"correlation must be a time of 0 s or more, got {self.correlation}"
            )
        if not 0.0 < self.std < np.inf:
            raise LatentMPCError(f"std must be above 0, got {self.std}")
        if not 0.0 <= self.rest < 1.0:
            raise LatentMPCError(f"rest must be a share in [0, 1), got {self.rest}")
        if not 0.0 < self.rest_shortest <= self.rest_longest < np.inf:
            raise LatentMPCError(
                f"rests must have 0 s < rest_shortest <= rest_longest, got {self.rest_shortest} and"
                f" {self.rest_longest}"
            )


class Still(Protocol):
    """What a rest asks of a task."""

    def still(self) -> np.ndarray:
        """The action `[A]` that keeps the robot where it is now."""


class Motion:
    """One episode's actions. A rest holds the action that keeps the robot where it is when the rest
    begins.

    Args:
        steps: T [control steps].
        action_width: A.
        control_period: [s].
    """

    def __init__(
        self,
        rng: np.random.Generator,
        steps: int,
        action_width: int,
        control_period: float,
        config: BehaviourConfig,
    ) -> None:
        self.noise, self.rest = actions(rng, steps, action_width, control_period, config)
        self._resting: np.ndarray | None = None

    def action(self, t: int, task: Still) -> np.ndarray:
        """The action float32 `[A]` of step t of a task that has come to it; asked of each step in
        order.
        """
        if not self.rest[t]:
            self._resting = None
            return self.noise[t]
        if self._resting is None:
            self._resting = task.still().astype(np.float32)
        return self._resting


def actions(
    rng: np.random.Generator,
    steps: int,
    action_width: int,
    control_period: float,
    config: BehaviourConfig,
) -> tuple[np.ndarray, np.ndarray]:
    """One episode's noise, float32 `[T, A]` in [-1, 1], and which steps rest instead, bool `[T]`;
    arguments as for `Motion`.
    """
    noise, rest = BEHAVIOURS[config.name](rng, steps, action_width, control_period, config)
    return noise.astype(np.float32), rest


def coloured(
    rng: np.random.Generator, steps: int, width: int, period: float, config: BehaviourConfig
) -> tuple[np.ndarray, np.ndarray]:
    """A stationary Ornstein-Uhlenbeck process, clipped, interrupted by rests."""
    noise = ornstein_uhlenbeck(rng, steps, width, period, config.correlation)
    return np.clip(config.std * noise, -1.0, 1.0), resting(rng, steps, period, config)


def ornstein_uhlenbeck(
    rng: np.random.Generator, steps: int, width: int, period: float, correlation: float
) -> np.ndarray:
    """Stationary noise `[T, A]` of std 1 with a correlation time [s]."""
    decay = np.exp(-period / correlation) if correlation else 0.0
    noise = rng.standard_normal((steps, width))
    for t in range(1, steps):
        noise[t] = decay * noise[t - 1] + np.sqrt(1 - decay**2) * noise[t]
    return noise


def white(
    rng: np.random.Generator, steps: int, width: int, period: float, config: BehaviourConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Independent uniform actions, no rests."""
    return rng.uniform(-1.0, 1.0, (steps, width)), np.zeros(steps, dtype=bool)


def resting(
    rng: np.random.Generator, steps: int, period: float, config: BehaviourConfig
) -> np.ndarray:
    """Which steps are rests, bool `[T]`; their expected share is `config.rest`, and their places
    are uniform.
    """
    rests = _rest_lengths(rng, steps, period, config)
    gaps = steps - rests.sum()  # steps in motion; rest k comes after cuts[k] of them
    cuts = np.sort(rng.choice(gaps + 1, len(rests), replace=len(rests) > gaps + 1))
    begins = cuts + np.cumsum(rests) - rests
    mask = np.zeros(steps, dtype=bool)
    for begin, length in zip(begins, rests, strict=True):
        mask[begin : begin + length] = True
    return mask


def _rest_lengths(
    rng: np.random.Generator, steps: int, period: float, config: BehaviourConfig
) -> np.ndarray:
    """Lengths of the episode's rests [control steps], int64 `[K]`; their sum is `rest * steps` on
    average.
    """
    lengths: list[int] = []
    left = config.rest * steps
    while left > 0:
        seconds = rng.uniform(config.rest_shortest, config.rest_longest)
        length = int(np.clip(round(seconds / period), 1, steps - sum(lengths)))
        # the last one is kept as often as makes the average right
        if length > left and rng.random() > left / length:
            break
        lengths.append(length)
        left -= length
    return np.array(lengths, dtype=np.int64)


Behaviour = Callable[
    [np.random.Generator, int, int, float, BehaviourConfig], tuple[np.ndarray, np.ndarray]
]
BEHAVIOURS: dict[str, Behaviour] = {
    "auto": coloured,
    "coloured": coloured,
    "random": white,
    "play": coloured,
}
