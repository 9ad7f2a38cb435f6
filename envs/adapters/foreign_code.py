"""Calling an environment's own code: its random numbers seeded, its errors in one line that says
they are its own.
"""

from __future__ import annotations

import contextlib
import random
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import numpy as np

from latent_mpc.configs.errors import LatentMPCError

# Not where an environment's mistake is to be mended, though it may come to light there.
LIBRARIES = {
    "gymnasium",
    "numpy",
    "scipy",
    "torch",
    "mujoco",
    "latent_mpc",
} | sys.stdlib_module_names
ADVICE = {  # by phase
    "make": "mend it, or install the versions that it was written for",
    "reset": "a reset must succeed with every seed",
    "step": (
        "`terminated` and `truncated` are ignored, as an episode has task.episode_steps control"
        " steps: lift the check, so that a step goes on from any state"
    ),
}
ERRORS = (Exception, SystemExit)  # what its code may raise, sys.exit() included


class EnvironmentFailure(LatentMPCError):
    """An environment's own code raised."""


def failure(id: str, phase: str, call: str, error: BaseException) -> EnvironmentFailure:
    """The error, said to be the environment's own, in one line.

    Args:
        phase: a key of ADVICE.
        call: how its code was called, for people.
    """
    text = " ".join(str(error).split())
    what = (
        f"{type(error).__name__}: {text}" if text else f"{type(error).__name__} without a message"
    )
    return EnvironmentFailure(f"{id}: {call} raised {what} ({_place(error)}); {ADVICE[phase]}")


@contextlib.contextmanager
def seeded(seed: int, env: Any = None) -> Iterator[None]:
    """Seed what the code within may draw from: numpy's and Python's global generators, which are
    put back, and the environment's own.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    own = getattr(env, "np_random", None)
    if isinstance(own, np.random.Generator):  # in place: parts of the environment may hold it, too
        own.bit_generator.state = type(own.bit_generator)(seed).state
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _place(error: BaseException) -> str:
    """file:line of the innermost frame in the environment's code; of the innermost one where all is
    a library's.
    """
    frames: list[tuple[str, str]] = []
    cause: BaseException | None = error
    while cause is not None:  # `gymnasium.make` raises its own error from the environment's
        frames = [*_frames(cause), *frames]
        cause = cause.__cause__
    own = [place for name, place in frames if name not in LIBRARIES]
    return (own or [place for _, place in frames])[-1]


def _frames(error: BaseException) -> list[tuple[str, str]]:
    """(top-level module, file:line), outermost first."""
    return [
        (
            str(frame.f_globals.get("__name__", "")).partition(".")[0],
            f"{frame.f_code.co_filename}:{line}",
        )
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
