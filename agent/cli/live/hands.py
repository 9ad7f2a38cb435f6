"""What somebody's hands do: an action held by sliders, and keys that push it one way for a moment.

Shapes: A control action.
"""

from __future__ import annotations

import numpy as np

HELD = 0.35  # [s] that a key acts after it was last heard of: keyboards repeat within 0.25 s


class Hands:
    """The action of hands."""

    def __init__(self, width: int) -> None:
        self.levels = np.zeros(width, np.float32)  # (A,) of the sliders
        self._keys: dict[int, tuple[float, float]] = {}  # index -> value, seconds left

    def press(self, index: int, value: float) -> None:
        """A key that drives one number of the action, in [-1, 1]."""
        if 0 <= index < len(self.levels):
            self._keys[index] = (float(np.clip(value, -1.0, 1.0)), HELD)

    def hold(self, index: int, value: float) -> None:
        """A slider."""
        if 0 <= index < len(self.levels):
            self.levels[index] = np.clip(value, -1.0, 1.0)

    def action(self, rest: np.ndarray, seconds: float) -> np.ndarray:
        """What they do now `[A]`, and `seconds` pass; where neither slider nor key does anything,
        what keeps the robot where it is.
        """
        action = np.where(self.levels != 0, self.levels, rest).astype(np.float32)
        for index, (value, left) in list(self._keys.items()):
            action[index] = value
            if left > seconds:
                self._keys[index] = (value, left - seconds)
            else:
                del self._keys[index]
        return action
