"""Calling an environment's own code: its random numbers seeded, its errors in one line that says
they are its own.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import traceback
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import mujoco
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
PICTURES = (
    "it draws pictures of its own, which are not used here: take the same environment without them"
    " (of OGBench: the id without visual-), or set MUJOCO_GL=egl or osmesa"
)
# package: the MuJoCo from which it fails [version], and what to install instead. From 3.12 on an
# np.int32 is in no tuple of mujoco.mjtJoint, which gymnasium_robotics asserts of each joint.
MISFITS = {"gymnasium_robotics": ((3, 12), "mujoco<3.12")}
ERRORS = (Exception, SystemExit)  # what its code may raise, sys.exit() included


class EnvironmentFailure(LatentMPCError):
    """An environment's own code raised."""


def failure(id: str, phase: str, call: str, error: BaseException) -> EnvironmentFailure:
    """The error, said to be the environment's own, in one line.

    Args:
        phase: a key of ADVICE.
        call: how its code was called, for people.
    """
    if misfit := _misfit(error):
        return EnvironmentFailure(misfit)
    text = " ".join(str(error).split())
    what = (
        f"{type(error).__name__}: {text}" if text else f"{type(error).__name__} without a message"
    )
    advice = PICTURES if "OpenGL" in text else ADVICE[phase]
    return EnvironmentFailure(f"{id}: {call} raised {what} ({_place(error)[1]}); {advice}")


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


def _misfit(error: BaseException) -> str:
    """What to install where the error is a package's that does not fit the MuJoCo; else empty."""
    package, place = _place(error)
    first, instead = MISFITS.get(package, ((), ""))
    installed = tuple(int(part) for part in mujoco.__version__.split(".")[:2])
    if not instead or installed < first or not isinstance(error, AssertionError):
        return ""
    return (
        f"{package} {version(package)} fails on MuJoCo {installed[0]}.{installed[1]}"
        f" (AssertionError in {os.path.basename(place)}): pip install '{instead}'"
    )


def _place(error: BaseException) -> tuple[str, str]:
    """(top-level module, file:line) of the innermost frame in the environment's code; of the
    innermost one where all is a library's.
    """
    frames: list[tuple[str, str]] = []
    cause: BaseException | None = error
    while cause is not None:  # `gymnasium.make` raises its own error from the environment's
        frames = [*_frames(cause), *frames]
        cause = cause.__cause__
    own = [frame for frame in frames if frame[0] not in LIBRARIES]
    return (own or frames)[-1]


def _frames(error: BaseException) -> list[tuple[str, str]]:
    """(top-level module, file:line), outermost first."""
    return [
        (
            str(frame.f_globals.get("__name__", "")).partition(".")[0],
            f"{frame.f_code.co_filename}:{line}",
        )
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
