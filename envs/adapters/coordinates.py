"""Which coordinates have to come to the goal, and how near: what `reached` means for a task that is
a model and nothing more.

Orientations of free bodies and ball joints are not compared. A config names them `JOINT`,
`JOINT:TOLERANCE`, or `JOINT+JOINT:TOLERANCE` for a distance over several; a free joint stands for
the position of its body, `JOINT.xy` for the horizontal part of it. What counts where nothing is
named: `default_goal.py`.

Shapes: C coordinates, n positions (`nq`), M states.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.joints import FREE, HINGE, SLIDE, joint_names, joint_of_position

SHARE = 0.05  # of its range: a coordinate's tolerance
ANGLE = 0.1  # [rad] tolerance of an unlimited hinge
LIMIT = 0.01  # of its range: how far outside it a joint may be, where its limits count as kept
PLANE = "xy"  # the horizontal part of a free body's position


@dataclass(frozen=True)
class Coordinates:
    """The coordinates that count, a row each; those of one name count together, by their Euclidean
    distance.
    """

    names: tuple[str, ...]  # as written, without the tolerance; equal ones stand side by side
    index: np.ndarray  # (C,) where they stand in qpos
    wraps: np.ndarray  # (C,) bool: unlimited hinges, compared the short way round
    tolerance: np.ndarray  # (C,) [rad] or [m]
    unit: tuple[str, ...]  # rad or m

    def distances(self, qpos: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Of each name the distance in units of its tolerance `[..., names]`, of positions `[...,
        n]`.
        """
        if not self.names:
            return np.zeros((*np.broadcast_shapes(qpos.shape, goal.shape)[:-1], 0))
        difference = goal[..., self.index] - qpos[..., self.index]
        turned = (difference + np.pi) % (2 * np.pi) - np.pi
        return self._lengths(np.where(self.wraps, turned, difference))

    def spread(self, qpos: np.ndarray) -> float:
        """No two of the positions `[M, n]` are further apart than this, in tolerances: the diagonal
        of the box that holds them.
        """
        range_ = np.ptp(qpos[:, self.index], axis=0)
        return float(self._lengths(np.where(self.wraps, np.minimum(range_, np.pi), range_)).max())

    def longest(self, model: mujoco.MjModel) -> float:
        """The same of all positions that the joints' limits allow; inf where a joint that counts
        has none.
        """
        owner = joint_of_position(model)[self.index]
        limits = np.where(
            model.jnt_limited[owner],
            np.ptp(model.jnt_range[owner], axis=-1) * (1 + 2 * LIMIT),
            np.inf,
        )
        return float(self._lengths(np.where(self.wraps, np.pi, limits)).max())

    def _lengths(self, difference: np.ndarray) -> np.ndarray:
        """What differences `[..., C]` amount to of each name, in tolerances `[..., names]`."""
        squares = (difference / self.tolerance) ** 2
        first = [c for c, name in enumerate(self.names) if c == 0 or name != self.names[c - 1]]
        return np.sqrt(np.add.reduceat(squares, first, axis=-1))

    def written(self) -> list[str]:
        """`NAME:TOLERANCE` of each name, as `read_coordinates` takes it."""
        return list(
            dict.fromkeys(
                f"{name}:{tolerance:.4g}"
                for name, tolerance in zip(self.names, self.tolerance, strict=True)
            )
        )

    def described(self) -> list[str]:
        """The same for people, with units."""
        rows = zip(self.names, self.tolerance, self.unit, strict=True)
        return list(
            dict.fromkeys(f"{name} within {tolerance:.3g} {unit}" for name, tolerance, unit in rows)
        )


NONE = Coordinates((), np.zeros(0, int), np.zeros(0, bool), np.zeros(0), ())


def read_coordinates(
    model: mujoco.MjModel, written: Sequence[str], poses: np.ndarray | None = None
) -> Coordinates:
    """The coordinates that a config names, see above.

    Args:
        poses: positions `[M, n]` that the model visits, for the range of joints that have no
            limits.

    Raises:
        ValueError: no joint of that name (suggests others), a joint that cannot be compared, a
            tolerance that is not above 0.
    """
    known = joint_names(model)
    rows: list[tuple[str, int, bool, float, str]] = []
    for entry in written:
        name, asked = _split(entry, known)
        parts = _parts(model, name, known)
        wraps = [kind == HINGE and not model.jnt_limited[joint] for kind, joint, _ in parts]
        tolerance = asked or max(
            ANGLE if wrap else SHARE * _range(model, joint, indices, poses)
            for wrap, (_, joint, indices) in zip(wraps, parts, strict=True)
        )
        rows += [
            (name, i, wrap, tolerance, "rad" if kind == HINGE else "m")
            for wrap, (kind, _, indices) in zip(wraps, parts, strict=True)
            for i in indices
        ]
    if not rows:
        return NONE
    names, index, wrap, tolerances, units = zip(*rows, strict=True)
    return Coordinates(names, np.array(index), np.array(wrap), np.array(tolerances), units)


def require_named(model: mujoco.MjModel, written: Sequence[str]) -> None:
    """Raise ValueError as `read_coordinates` would, for what is wrong with these names and
    tolerances whatever the model does.
    """
    known = joint_names(model)
    for entry in written:
        _parts(model, _split(entry, known)[0], known)


def tolerances_written(model: mujoco.MjModel, written: Sequence[str]) -> bool:
    """Whether coordinates are named, each with its tolerance, so that nothing of them is to be
    found by moving the model.
    """
    known = joint_names(model)
    return bool(written) and all(_split(entry, known)[1] for entry in written)


def _split(entry: str, known: list[str]) -> tuple[str, float]:
    """Name and tolerance, 0 where none is written."""
    name, colon, number = (
        (entry, "", "0") if entry in known or ":" not in entry else entry.rpartition(":")
    )
    try:
        tolerance = float(number)
    except ValueError:
        tolerance = -1.0
    if not 0 <= tolerance < np.inf or (colon and tolerance == 0):
        raise LatentMPCError(f"a tolerance must be a number above 0, got {entry!r} in success")
    return name, tolerance


def _joints(name: str, known: list[str]) -> list[str]:
    """What a name that may be a sum consists of."""
    return [name] if name in known else name.split("+")


def _parts(model: mujoco.MjModel, name: str, known: list[str]) -> list[tuple[int, int, range]]:
    """Kind, number and positions of each joint of a name that may be a sum."""
    parts = [_positions(model, part, known) for part in _joints(name, known)]
    if len({kind == HINGE for kind, _, _ in parts}) > 1:
        raise LatentMPCError(
            f"what is written with + must be all angles or all lengths, got {name!r} in success"
        )
    return parts


def _positions(model: mujoco.MjModel, name: str, known: list[str]) -> tuple[int, int, range]:
    """Kind, number and positions of a joint, `JOINT.xy` included."""
    stem, _, suffix = name.rpartition(".")
    horizontal = suffix == PLANE and name not in known and stem in known
    name = stem if horizontal else name
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or known
        raise LatentMPCError(f"no joint {name!r} in success; there are: {', '.join(near)}")
    joint = known.index(name)
    kind, start = int(model.jnt_type[joint]), int(model.jnt_qposadr[joint])
    if kind not in (HINGE, SLIDE, FREE):
        raise LatentMPCError(
            f"ball joints cannot be compared, got {name!r} in success; name hinges, slides or free"
            " joints"
        )
    if horizontal and kind != FREE:
        raise LatentMPCError(f"only a free joint has .{PLANE}, got {name}.{PLANE} in success")
    return kind, joint, range(start, start + (2 if horizontal else 3 if kind == FREE else 1))


def _range(model: mujoco.MjModel, joint: int, indices: range, poses: np.ndarray | None) -> float:
    """How far a coordinate goes: its limits, or what it was seen to cover if that is less [rad,
    m].
    """
    limits = float(np.ptp(model.jnt_range[joint])) if model.jnt_limited[joint] else np.inf
    seen = float(np.ptp(poses[:, indices], axis=0).max()) if poses is not None else 0.0
    covered = min(limits, seen or np.inf)
    if not 0 < covered < np.inf:
        name = joint_names(model)[joint]
        raise LatentMPCError(
            f"nothing moves {name!r}, or it has no limits: give its tolerance,"
            f" task.success=[{name}:TOLERANCE]"
        )
    return covered
