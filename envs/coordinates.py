"""Which coordinates have to come to the goal, and how near: what `reached` means for a task that is a model and nothing more.

By default the joints that actuators move and the positions of free bodies. Orientations of free bodies and ball joints are not compared.

Shapes: C coordinates, n positions (`nq`), M states.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

SHARE = 0.05  # of its range: a coordinate's tolerance
ANGLE = 0.1  # [rad] tolerance of an unlimited hinge
HINGE, SLIDE, FREE = (int(getattr(mujoco.mjtJoint, f"mjJNT_{name}")) for name in ("HINGE", "SLIDE", "FREE"))


@dataclass(frozen=True)
class Coordinates:
    """The coordinates that count, a row each; a free body has three, under one name."""

    names: tuple[str, ...]  # of their joints
    index: np.ndarray  # (C,) where they stand in qpos
    wraps: np.ndarray  # (C,) bool: unlimited hinges, compared the short way round
    tolerance: np.ndarray  # (C,) [rad] or [m]

    def distance(self, qpos: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """The largest difference in units of its tolerance `[...]`, of positions `[..., n]`."""
        difference = goal[..., self.index] - qpos[..., self.index]
        turned = (difference + np.pi) % (2 * np.pi) - np.pi
        return np.abs(np.where(self.wraps, turned, difference) / self.tolerance).max(axis=-1)

    def written(self) -> list[str]:
        """`JOINT:TOLERANCE` of each joint, as `read_coordinates` takes it."""
        return list(dict.fromkeys(f"{name}:{tolerance:.4g}" for name, tolerance in zip(self.names, self.tolerance, strict=True)))


def read_coordinates(model: mujoco.MjModel, written: Sequence[str], poses: np.ndarray | None = None) -> Coordinates:
    """The coordinates that a config names, `JOINT` or `JOINT:TOLERANCE`; none named means the default ones.

    Args:
        poses: positions `[M, n]` that the model visits, for the range of joints that have no limits.

    Raises:
        ValueError: no joint of that name (suggests others), a joint that cannot be compared, a tolerance that is not above 0.
    """
    names = joint_names(model)
    rows: list[tuple[str, int, bool, float]] = []
    for entry in written or [names[j] for j in default_joints(model)]:
        name, asked = _split(entry, names)
        joint = names.index(name)
        kind, start = int(model.jnt_type[joint]), int(model.jnt_qposadr[joint])
        if kind not in (HINGE, SLIDE, FREE):
            raise ValueError(f"ball joints cannot be compared, got {name!r} in success; name hinges, slides or free joints")
        wraps = kind == HINGE and not model.jnt_limited[joint]
        indices = range(start, start + (3 if kind == FREE else 1))
        tolerance = asked or (ANGLE if wraps else SHARE * _range(model, joint, indices, poses))
        rows += [(name, index, wraps, tolerance) for index in indices]
    if not rows:
        raise ValueError("the model has no coordinate that actuators move; name those that count: task.success=[JOINT]")
    found, index, wrap, tolerances = zip(*rows, strict=True)
    return Coordinates(found, np.array(index), np.array(wrap), np.array(tolerances))


def joint_names(model: mujoco.MjModel) -> list[str]:
    """Names of all joints; `joint3` for one without a name."""
    return [model.joint(j).name or f"joint{j}" for j in range(model.njnt)]


def default_joints(model: mujoco.MjModel) -> list[int]:
    """Joints that actuators move, in the poses that the model begins in, and free joints."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    moved = np.abs(actuator_moment(model, data)).max(axis=0, initial=0.0) > 1e-9
    joints = set(model.dof_jntid[moved].tolist()) | set(np.flatnonzero(model.jnt_type == FREE).tolist())
    return [j for j in sorted(joints) if int(model.jnt_type[j]) in (HINGE, SLIDE, FREE)]


def actuator_moment(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """How forces of actuators act on the degrees of freedom, `[nu, nv]`."""
    dense = np.zeros((model.nu, model.nv))
    if model.nu:
        mujoco.mju_sparse2dense(dense, data.actuator_moment.ravel(), data.moment_rownnz, data.moment_rowadr, data.moment_colind.ravel())
    return dense


def _split(entry: str, names: list[str]) -> tuple[str, float]:
    """Joint and tolerance, 0 where none is written."""
    name, _, number = entry.rpartition(":") if entry not in names else (entry, "", "0")
    if name not in names:
        name = entry.partition(":")[0]
        near = difflib.get_close_matches(name, names, n=3) or names
        raise ValueError(f"no joint {name!r} in success; there are: {', '.join(near)}")
    try:
        tolerance = float(number)
    except ValueError:
        tolerance = -1.0
    if not 0 <= tolerance < np.inf or (":" in entry and entry not in names and tolerance == 0):
        raise ValueError(f"a tolerance must be a number above 0, got {entry!r} in success")
    return name, tolerance


def _range(model: mujoco.MjModel, joint: int, indices: range, poses: np.ndarray | None) -> float:
    """How far a coordinate goes: its limits, or what it was seen to cover if that is less [rad, m]."""
    limits = float(np.ptp(model.jnt_range[joint])) if model.jnt_limited[joint] else np.inf
    seen = float(np.ptp(poses[:, indices], axis=0).max()) if poses is not None else 0.0
    found = min(limits, seen or np.inf)
    if not 0 < found < np.inf:
        name = joint_names(model)[joint]
        raise ValueError(f"nothing moves {name!r}, or it has no limits: give its tolerance, task.success=[{name}:TOLERANCE]")
    return found
