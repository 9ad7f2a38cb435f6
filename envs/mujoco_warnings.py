"""MuJoCo's warnings, in one line each on standard error. Left to itself MuJoCo appends them to a
MUJOCO_LOG.TXT in the user's folder.
"""

from __future__ import annotations

import os
import re
import sys

import mujoco

# kinds that were shown, in the environment, so that worker processes do not repeat them
SHOWN = "LATENT_MPC_MUJOCO_WARNINGS"


def listen() -> None:
    """Take MuJoCo's warnings, unless somebody else does."""
    if mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(show)


def show(text: str) -> None:
    """Print a warning if it is the first of its kind: one that differs in more than its numbers
    (time, joint, element).
    """
    line = " ".join(text.split())
    kind, shown = re.sub(r"-?\d[\d.e+-]*", "#", line), os.environ.get(SHOWN, "").splitlines()
    if kind not in shown:
        os.environ[SHOWN] = "\n".join([*shown, kind])
        print(f"MuJoCo warns, here for the first time: {line}", file=sys.stderr)
