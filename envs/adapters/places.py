"""Places that have to come to the goal, beside the joints of `coordinates.py`: where a site or a
body is, which way up a body is, and how it is turned.

A config names them `site:NAME:TOLERANCE`, `body:NAME:TOLERANCE` and `body:NAME.xy:TOLERANCE` (its
centre of mass) [m], `upright:NAME:TOLERANCE`, the angle between the vertical axes of a body, and
`attitude:NAME:TOLERANCE`, the angle by which it is turned, about whatever axis [rad].
`joint:NAME:TOLERANCE` is `NAME:TOLERANCE`. A body without a name is `body3`, as joints are.

Shapes: n positions (`nq`).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.coordinates import PLANE
from latent_mpc.envs.adapters.joints import joint_names, joints_above, numbered

SITE, BODY, UPRIGHT, ATTITUDE, JOINT = KINDS = ("site", "body", "upright", "attitude", "joint")


@dataclass(frozen=True)
class Place:
    """A site's or body's position, its horizontal part, or a body's vertical axis or rotation."""

    kind: str  # site, body, upright or attitude
    name: str  # as written, .xy included
    number: int  # of the site or body
    tolerance: float  # [m], or [rad] of upright and attitude
    axes: int = 3  # 2 of a horizontal part

    @property
    def label(self) -> str:
        """`site:tool`."""
        return f"{self.kind}:{self.name}"

    @property
    def unit(self) -> str:
        """Of its tolerance."""
        return "rad" if self.kind in (UPRIGHT, ATTITUDE) else "m"

    def written(self) -> str:
        """As a config has it."""
        return f"{self.label}:{self.tolerance:.4g}"

    def value(self, data: mujoco.MjData) -> np.ndarray:
        """Where it is `[axes]` [m], or the vertical axis `[3]`, or the rotation `[9]`, of `data`
        whose kinematics are up to date.
        """
        if self.kind == ATTITUDE:
            rotation: np.ndarray = data.xmat[self.number].copy()
            return rotation
        if self.kind == UPRIGHT:
            axis: np.ndarray = data.xmat[self.number].reshape(3, 3)[:, 2].copy()
            return axis
        place: np.ndarray = (data.site_xpos if self.kind == SITE else data.xipos)[
            self.number, : self.axes
        ].copy()
        return place

    def distance(self, value: np.ndarray, goal: np.ndarray) -> float:
        """Between two values, in units of the tolerance."""
        if self.kind == UPRIGHT:
            return float(np.arccos(np.clip(value @ goal, -1.0, 1.0))) / self.tolerance
        if self.kind == ATTITUDE:  # trace of one turned back by the other: 1 + 2 cos
            return float(np.arccos(np.clip((value @ goal - 1) / 2, -1.0, 1.0))) / self.tolerance
        return float(np.linalg.norm(value - goal)) / self.tolerance

    def body(self, model: mujoco.MjModel) -> int:
        """The body that it belongs to."""
        return int(model.site_bodyid[self.number]) if self.kind == SITE else self.number

    def joints(self, model: mujoco.MjModel) -> list[int]:
        """Joints that move it: those of its body and of all that carry it."""
        return sorted(joints_above(model, self.body(model)))


def body_names(model: mujoco.MjModel) -> list[str]:
    """Names of all bodies; `body3` for one without a name, told from those that have one."""
    return numbered([model.body(b).name for b in range(model.nbody)], BODY)


def site_names(model: mujoco.MjModel) -> list[str]:
    """Names of all sites; empty for one without."""
    return [model.site(s).name for s in range(model.nsite)]


def split_places(model: mujoco.MjModel, written: Sequence[str]) -> tuple[list[str], list[Place]]:
    """What is written of joints, and the places.

    Raises ValueError: no site or body of that name (suggests others), nothing that moves, a
    tolerance that is missing or not above 0.
    """
    joints, places = list[str](), list[Place]()
    known = joint_names(model)
    for entry in written:
        kind, colon, rest = entry.partition(":")
        if not colon or kind not in KINDS or entry in known or entry.rpartition(":")[0] in known:
            joints.append(entry)
        elif kind == JOINT:
            joints.append(rest)
        else:
            places.append(_place(model, kind, rest))
    return joints, places


def _place(model: mujoco.MjModel, kind: str, rest: str) -> Place:
    name, colon, number = rest.rpartition(":")
    try:
        tolerance = float(number)
    except ValueError:
        tolerance = -1.0
    if not colon or not 0 < tolerance < np.inf:
        raise LatentMPCError(
            f"a place must be written {kind}:NAME:TOLERANCE, a number above 0, got"
            f" {f'{kind}:{rest}'!r} in success"
        )
    names = site_names(model) if kind == SITE else body_names(model)
    stem, dot, suffix = name.rpartition(".")
    horizontal = kind == BODY and dot == "." and suffix == PLANE and name not in names
    plain = stem if horizontal else name
    if not plain or plain not in names:
        given = [one for one in names if one] or ["none with a name"]
        there = difflib.get_close_matches(plain, given, n=3) or given
        raise LatentMPCError(
            f"no {SITE if kind == SITE else BODY} {plain!r} in success; there are:"
            f" {', '.join(there[:20])}"
        )
    place = Place(kind, name, names.index(plain), tolerance, 2 if horizontal else 3)
    if not place.joints(model):
        raise LatentMPCError(
            f"nothing moves {place.label} in success: no joint carries it; name what moves"
        )
    return place
