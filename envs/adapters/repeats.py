"""Whether an environment begins and goes on in the same way twice: what is compared, and how."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

# What a reset has to decide. Not the clock, the controls and the solver's warm start, which
# bringing a state to rest clears.
STATE = (
    "qpos",
    "qvel",
    "act",
    "mocap_pos",
    "mocap_quat",
    "eq_active",
    "qfrc_applied",
    "xfrc_applied",
    "userdata",
)
Parts = dict[str, np.ndarray]


def state_parts(data: mujoco.MjData) -> Parts:
    """The parts of a simulator state, by name."""
    return {f"state ({name})": getattr(data, name).copy() for name in STATE}


def shown_parts(shown: Any, name: str = "observation") -> Parts:
    """The numbers of an observation, whatever its nesting, by name."""
    if isinstance(shown, dict):
        pairs = [(f"{name}[{key!r}]", part) for key, part in shown.items()]
    elif isinstance(shown, (tuple, list)):
        pairs = [(f"{name}[{i}]", part) for i, part in enumerate(shown)]
    else:
        array = np.asarray(shown)
        return {name: array} if array.dtype.kind in "fiub" else {}
    return {key: array for inner, part in pairs for key, array in shown_parts(part, inner).items()}


def first_difference(one: Parts, other: Parts) -> str:
    """The name of the first part that differs by more than rounding, or nothing."""
    for name in one | other:
        a, b = one.get(name), other.get(name)
        if a is None or b is None or a.shape != b.shape or not np.allclose(a, b, equal_nan=True):
            return name
    return ""
