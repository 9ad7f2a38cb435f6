"""Which joints a robot's time scale follows from: those that actuators move, and how it carries
itself about; never from things that settle beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import mujoco
import numpy as np

from latent_mpc.envs.adapters.coordinates import Coordinates
from latent_mpc.envs.adapters.joints import (
    FREE,
    HINGE,
    SLIDE,
    joint_kinds,
    joint_names,
    joints_above,
)
from latent_mpc.envs.adapters.roles import Roles
from latent_mpc.envs.adapters.sizes import geoms_of_tree, initial, radius

AWAY = 10.0  # of its radius: a base that went further takes part as if it went so far


class TimedBy(NamedTuple):
    """What `time_scale.follow_rule` is given."""

    joints: Coordinates  # that actuators move
    base: Coordinates  # of mobile robots, which may go on and on
    most: float  # range of the base at most [m]

    @property
    def nothing(self) -> bool:
        """Whether there is neither."""
        return not self.joints.names and not self.base.names


def timed_by(model: mujoco.MjModel, roles: Roles) -> TimedBy:
    """Driven hinges and slides, driven balls where there is neither, and the bases' places."""
    kinds = joint_kinds(model)
    turned = [j for j in roles.driven if kinds[j] in (HINGE, SLIDE)]
    balls = [j for j in roles.driven if kinds[j] not in (HINGE, SLIDE, FREE)]
    carrying = {
        joint
        for body in roles.bases
        for joint in joints_above(model, body)
        if kinds[joint] == FREE or (kinds[joint] == SLIDE and joint not in roles.driven)
    }
    data = initial(model)
    sizes = [
        radius(model, geoms_of_tree(model, int(model.body_treeid[body])), data)
        for body in roles.bases
    ]
    return TimedBy(
        _all(model, turned or balls), _all(model, sorted(carrying)), AWAY * max(sizes, default=0.0)
    )


def _all(model: mujoco.MjModel, joints: Iterable[int]) -> Coordinates:
    """All numbers of these joints; of free ones the position."""
    names, kinds, rows = joint_names(model), joint_kinds(model), list[tuple[str, int, bool]]()
    for joint in joints:
        count = {HINGE: 1, SLIDE: 1, FREE: 3}.get(kinds[joint], 4)
        start = int(model.jnt_qposadr[joint])
        wraps = kinds[joint] == HINGE and not model.jnt_limited[joint]
        rows += [(names[joint], start + i, wraps) for i in range(count)]
    return Coordinates(
        tuple(name for name, _, _ in rows),
        np.array([index for _, index, _ in rows], int),
        np.array([wraps for _, _, wraps in rows], bool),
        np.ones(len(rows)),
        ("",) * len(rows),
    )
