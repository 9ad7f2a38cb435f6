"""Starts and goals of robots that move about: as upright as they begin, and apart.

Random actions turn a walker over sooner or later; lying on its back it is at no goal that anybody
means, and from there hardly gets anywhere. And in one episode they may lead so little away that
most goals are where it stands.

Shapes: n positions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from latent_mpc.envs.adapters.places import UPRIGHT
from latent_mpc.envs.adapters.success import Success
from latent_mpc.envs.task import Pair

RESETS = 8  # of which more than half have to stand when they have come to rest
APART = 12  # pairs that are looked at
NEAR = 3  # of them may be solved as they are
LONGEST = 8  # episodes: random actions that lead to a goal go on for no longer


class Standing:
    """Whether a robot is as upright as it begins, within the tolerances of `upright:` in its
    success; where nothing of that counts, or it falls as it begins, it always is.
    """

    def __init__(self, success: Success) -> None:
        self._success = success
        self._places = [place for place in success.places if place.kind == UPRIGHT]
        self._begun: list[np.ndarray] | None = None

    def learn(self, resets: Callable[[], tuple[np.ndarray, np.ndarray]]) -> None:
        """How upright it begins, from a function that gives the positions `[n]` of a fresh reset
        and of the same at rest.
        """
        if not self._places:
            return
        begun = [resets() for _ in range(RESETS)]
        upright = [self._values(before) for before, _ in begun]
        stays = [self._same(self._values(after), upright[0]) for _, after in begun]
        self._begun = upright[0] if sum(stays) > RESETS / 2 else None

    @property
    def matters(self) -> bool:
        """Whether it can fall."""
        return self._begun is not None

    def __call__(self, qpos: np.ndarray) -> bool:
        return self._begun is None or self._same(self._values(qpos), self._begun)

    def _values(self, qpos: np.ndarray) -> list[np.ndarray]:
        return self._success.values(qpos, self._places)

    def _same(self, here: list[np.ndarray], there: list[np.ndarray]) -> bool:
        return all(
            place.distance(a, b) <= 1.0
            for place, a, b in zip(self._places, here, there, strict=True)
        )


def episodes_apart(draw: Callable[[int], Pair], reached: Callable[[Pair], bool]) -> int:
    """How many episodes random actions have to go on so that few pairs are solved as they are: 1,
    2, 4, at most LONGEST.

    Args:
        draw: a pair to which actions of so many episodes have led.
    """
    episodes = 1
    while episodes < LONGEST and sum(reached(draw(episodes)) for _ in range(APART)) > NEAR:
        episodes *= 2
    return episodes
