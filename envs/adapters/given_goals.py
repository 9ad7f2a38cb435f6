"""Goals of one's own, in the place of drawn ones: `keyframe:NAME` of the model, rows of positions
in a file `FILE.npy`, or `JOINT=VALUE` [rad, m] on top of the model's home; all of these entries
together are one goal.

They are not brought to rest: an upright pendulum is a goal. A checkpoint keeps rows of a file as
`pose:NUMBER NUMBER …`.

Shapes: K goals, n positions (`nq`).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.envs.adapters.feasible import EQUALITY, constraint_violation
from latent_mpc.envs.adapters.joints import FREE, HINGE, SLIDE, joint_names
from latent_mpc.envs.adapters.keyframes import home_pose
from latent_mpc.envs.adapters.settle import control_range, hold, servos
from latent_mpc.envs.simulator_state import integration_state

KEYFRAME, POSE, FILE = "keyframe:", "pose:", ".npy"
FORMS = "keyframe:NAME, a file NAME.npy of positions, or JOINT=VALUE"
CORRECTIONS = 50  # of a pose, until loops and couplings close
SHOWN = 20  # names in a message


class Pose(NamedTuple):
    """One goal as it was given."""

    name: str  # in messages
    qpos: np.ndarray  # (n,)
    key: int | None = None  # that it is
    fixed: Sequence[int] = ()  # degrees of freedom that loops and couplings leave as they are


class GivenGoals:
    """Simulator states at the goals that a config names.

    Args:
        written: what the config holds.
        kept: servos whose command is part of the state, bool `[nu]`.
        usual_depth: as of `constraint_violation`.

    Attributes:
        written: the same for a checkpoint, without files.
        states: K of them.
        joints: those that a value is given for, in the model's order: they are what is meant.

    Raises:
        ValueError, KeyError: no keyframe or joint of that name (says which there are), a file that
            holds no positions, numbers that are not finite, a pose that the mechanism cannot take.
        FileNotFoundError: no such file.
    """

    def __init__(
        self, model: mujoco.MjModel, written: Sequence[str], kept: np.ndarray, usual_depth: float
    ) -> None:
        joints = [entry for entry in written if _is_joint(entry)]
        poses = [_of_joints(model, joints)] if joints else []
        named = {entry.rpartition("=")[0] for entry in joints}
        self.joints = [j for j, name in enumerate(joint_names(model)) if name in named]
        self.written = list(joints)
        for entry in written:
            if entry.startswith(KEYFRAME):
                key = _key(model, entry.removeprefix(KEYFRAME))
                poses.append(Pose(entry, model.key_qpos[key].copy(), key))
                self.written.append(entry)
            elif entry not in joints:
                rows = _row(model, entry) if entry.startswith(POSE) else _rows(model, entry)
                poses += [Pose(f"row {i} of {entry:.40}", row) for i, row in enumerate(rows)]
                self.written += [POSE + " ".join(map(repr, row.tolist())) for row in rows]
        self.states = [_state(model, pose, kept, usual_depth) for pose in poses]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """One of them `[n of a simulator state]`, all alike likely."""
        return self.states[int(rng.integers(len(self.states)))].copy()

    def about(self) -> str:
        """A line for people."""
        count = len(self.states)
        return f"  goals: {f'one of {count}' if count > 1 else 'one'} that is given  (task.goals)"


def _state(model: mujoco.MjModel, pose: Pose, kept: np.ndarray, usual_depth: float) -> np.ndarray:
    """The simulator state at a pose, without velocities; servos are sent to it."""
    if not np.isfinite(pose.qpos).all():
        raise LatentMPCError(f"task.goals: all positions must be finite, {pose.name} has others")
    data = mujoco.MjData(model)
    if pose.key is not None:
        mujoco.mj_resetDataKeyframe(model, data, pose.key)
    data.qpos[:], data.qvel[:], data.time = pose.qpos, 0.0, 0.0
    mujoco.mj_normalizeQuat(model, data.qpos)
    close(model, data, pose.fixed)
    if (violation := constraint_violation(model, data, usual_depth)) > 1.0:
        raise LatentMPCError(
            "task.goals: a goal must keep joint limits, couplings and closed loops, and not overlap"
            f" with things; {pose.name} exceeds what is allowed {violation:.3g} times"
        )
    data.ctrl[:], data.act[:] = hold(model, data)
    if pose.key is not None and model.key_ctrl[pose.key].any():
        command = np.clip(model.key_ctrl[pose.key], *control_range(model).T)
        data.ctrl[:] = np.where(servos(model), command, data.ctrl)
    data.ctrl[~kept] = 0.0
    data.qacc_warmstart[:] = 0.0
    return integration_state(model, data)


def close(model: mujoco.MjModel, data: mujoco.MjData, fixed: Sequence[int] = ()) -> None:
    """Move the positions of `data` as little as it takes to close loops and couplings (Gauss-Newton
    on their residuals), the degrees of freedom `fixed` not at all; kinematics are up to date then.
    """
    for _ in range(CORRECTIONS):
        mujoco.mj_forward(model, data)
        rows = np.flatnonzero(data.efc_type == EQUALITY)
        if not len(rows) or np.abs(data.efc_pos[rows]).max() < 1e-9:
            return
        jacobian = _jacobian(model, data)[rows]
        jacobian[:, list(fixed)] = 0.0
        change = np.linalg.lstsq(jacobian, -data.efc_pos[rows], rcond=1e-6)[0]
        mujoco.mj_integratePos(model, data.qpos, change, 1.0)
    mujoco.mj_forward(model, data)


def _jacobian(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Of all constraints, `[nefc, nv]`."""
    if not mujoco.mj_isSparse(model):
        return data.efc_J.reshape(data.nefc, model.nv).copy()
    dense = np.zeros((data.nefc, model.nv))
    mujoco.mju_sparse2dense(
        dense, data.efc_J.ravel(), data.efc_J_rownnz, data.efc_J_rowadr, data.efc_J_colind.ravel()
    )
    return dense


def _is_joint(entry: str) -> bool:
    return "=" in entry and not entry.startswith((KEYFRAME, POSE)) and not entry.endswith(FILE)


def _key(model: mujoco.MjModel, name: str) -> int:
    names = [model.key(k).name for k in range(model.nkey)]
    if name not in names or not name:
        there = [one for one in names if one] or ["none with a name"]
        raise UnknownNameError(
            f"no keyframe {name!r} in task.goals; there are: {', '.join(there[:SHOWN])}"
        )
    return names.index(name)


def _of_joints(model: mujoco.MjModel, entries: Sequence[str]) -> Pose:
    """One pose of all entries, on top of the model's home or its own pose."""
    qpos, known, named = home_pose(model).copy(), joint_names(model), list[int]()
    for entry in entries:
        name, _, text = entry.rpartition("=")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or known
            raise UnknownNameError(
                f"no joint {name!r} in task.goals; there are: {', '.join(near[:SHOWN])}"
            )
        joint = known.index(name)
        if int(model.jnt_type[joint]) not in (HINGE, SLIDE):
            kind = "free" if int(model.jnt_type[joint]) == FREE else "ball"
            raise LatentMPCError(
                f"task.goals: a value is for a hinge or a slide, but {name} is a {kind} joint; give"
                " the whole pose in a keyframe or a .npy file"
            )
        try:
            qpos[model.jnt_qposadr[joint]] = float(text)
        except ValueError:
            raise LatentMPCError(
                f"task.goals: {name} must be a number [rad, m], got {entry!r}"
            ) from None
        named.append(int(model.jnt_dofadr[joint]))
    return Pose(", ".join(entries), qpos, fixed=named)


def _row(model: mujoco.MjModel, entry: str) -> np.ndarray:
    """One pose `[1, n]` as a checkpoint keeps it."""
    try:
        row = np.array([float(text) for text in entry.removeprefix(POSE).split()])
    except ValueError:
        row = np.zeros(0)
    return _shaped(model, row[None], f"{entry:.40}")


def _rows(model: mujoco.MjModel, path: str) -> np.ndarray:
    """Poses `[K, n]` of a file."""
    if not path.endswith(FILE):
        raise LatentMPCError(f"task.goals must be written {FORMS}, got {path!r}")
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file {path!r} in task.goals; goals are written {FORMS}")
    try:
        rows = np.load(path, allow_pickle=False)
        rows = np.asarray(rows).astype(np.float64, casting="same_kind")
    except (ValueError, TypeError, EOFError, OSError) as error:
        raise LatentMPCError(
            f"task.goals: {path} must hold an array of numbers as numpy.save writes it"
            f" ({' '.join(str(error).split()):.80})"
        ) from error
    return _shaped(model, rows[None] if rows.ndim == 1 else rows, path)


def _shaped(model: mujoco.MjModel, rows: np.ndarray, where: str) -> np.ndarray:
    if rows.ndim != 2 or rows.shape[1] != model.nq or not len(rows):
        raise LatentMPCError(
            f"task.goals: {where} must hold rows of the model's {model.nq} positions, it holds"
            f" {list(rows.shape)}"
        )
    if not np.isfinite(rows).all():
        raise LatentMPCError(f"task.goals: all positions must be finite, {where} has others")
    return rows
