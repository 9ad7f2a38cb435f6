"""Joints of a model: their kinds and names, the positions that are theirs, and the bodies and
kinematic trees that they move.
"""

from __future__ import annotations

import mujoco
import numpy as np

FREE, BALL, SLIDE, HINGE = (
    int(getattr(mujoco.mjtJoint, f"mjJNT_{name}")) for name in ("FREE", "BALL", "SLIDE", "HINGE")
)


def joint_kinds(model: mujoco.MjModel) -> np.ndarray:
    """Kind of each joint, plain numbers `[njnt]`."""
    kinds: np.ndarray = np.asarray(model.jnt_type, int)
    return kinds


def joint_names(model: mujoco.MjModel) -> list[str]:
    """Names of all joints; `joint3` for one without a name, with as many `_` behind it as tell it
    from those that have one.
    """
    return numbered([model.joint(j).name for j in range(model.njnt)], "joint")


def numbered(names: list[str], kind: str) -> list[str]:
    """The names, `KIND3` in the place of an empty one, told from those that are given."""
    given = set(names)
    found = list(names)
    for i, name in enumerate(names):
        if not name:
            found[i] = f"{kind}{i}"
            while found[i] in given:
                found[i] += "_"
    return found


def joint_of_position(model: mujoco.MjModel) -> np.ndarray:
    """The joint of each position, `[nq]`."""
    return np.searchsorted(model.jnt_qposadr, np.arange(model.nq), side="right") - 1


def joint_trees(model: mujoco.MjModel) -> np.ndarray:
    """The kinematic tree of each joint, `[njnt]`."""
    trees: np.ndarray = model.dof_treeid[model.jnt_dofadr]
    return trees


def first_body(model: mujoco.MjModel, tree: int) -> int:
    """The body that a kinematic tree begins with."""
    return int(np.flatnonzero(model.body_treeid == tree)[0])


def joints_of(model: mujoco.MjModel, body: int) -> set[int]:
    """A body's own joints."""
    first = int(model.body_jntadr[body])
    return set(range(first, first + int(model.body_jntnum[body])))


def joints_above(model: mujoco.MjModel, body: int) -> set[int]:
    """Joints that move a body: its own and those of all that carry it."""
    found = set[int]()
    while body > 0:
        found |= joints_of(model, body)
        body = int(model.body_parentid[body])
    return found


def carried(model: mujoco.MjModel, body: int) -> np.ndarray:
    """The body and all that it carries, bool `[nbody]`."""
    found = np.zeros(model.nbody, bool)
    found[body] = True
    for each in range(body + 1, model.nbody):  # parents come first
        found[each] = found[model.body_parentid[each]]
    return found
