"""What a folder of rollouts holds: ranges, what looks wrong, where the robot has been. Numbers
only; `inspect` prints and draws them.

Reads one episode at a time, so that any folder fits. Shapes: E episodes, N rows, d numbers in a
row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from latent_mpc.envs.adapters.lines import few
from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.guided_play import motion
from latent_mpc.envs.registry import TASKS, make
from latent_mpc.envs.rollouts.reader import Arrays, Rollouts
from latent_mpc.envs.task import Task

CELLS = 20  # per axis, in which coverage is counted
DRAWN = 100_000  # points of the coverage at most
CLIPPED = 0.5  # share of actions at a bound from which it is reported as an anomaly
OBSERVED = 20_000  # frames looked at for the objects' motion: 0.2 s
STIRRED = 1e-3  # [m] in a frame, from which an object counts as moved
LEVER = 0.1  # [m/rad] of a turn
LISTED = 8  # episodes or numbers of a row that a line names
FRAME = 128  # rows and columns of a frame that is rendered here [pixels]


@dataclass
class Ranges:
    """Of one key, over all rows; an action's last row belongs to no step and is left out."""

    low: np.ndarray  # [d]; inf where no value is finite, and then high is -inf
    high: np.ndarray  # [d]
    broken: list[int]  # episodes with a value that is not finite

    @property
    def constant(self) -> list[int]:
        """Numbers of a row that never change."""
        return np.flatnonzero((self.low == self.high).ravel()).tolist()


@dataclass
class Report:
    """What rollouts hold."""

    ranges: dict[str, Ranges]
    clipped: float  # share of an action's numbers at -1 or 1
    resting: float  # share of control steps whose action is zero
    duplicates: list[tuple[int, int]]  # an episode, and the earlier one that it repeats

    def anomalies(self) -> list[str]:
        """What looks wrong, a line each."""
        lines = [
            f"{key} is not finite in episodes {few(r.broken, LISTED)}"
            for key, r in self.ranges.items()
            if r.broken
        ]
        for key, one in self.ranges.items():
            if key not in ("physics", "pixels") and one.constant:
                lines.append(
                    f"{key} never changes in dimensions {few(one.constant, LISTED)} of"
                    f" {one.low.size}"
                )
        lines += (
            ["pixels never change"]
            if "pixels" in self.ranges and self.ranges["pixels"].constant
            else []
        )
        lines += (
            [f"{self.clipped:.0%} of action numbers are clipped at a bound"]
            if self.clipped > CLIPPED
            else []
        )
        if self.duplicates:
            pairs = few([f"{i} = {first}" for i, first in self.duplicates], LISTED)
            lines.append(f"{len(self.duplicates)} episodes repeat earlier ones: {pairs}")
        return lines


def report(rollouts: Rollouts) -> Report:
    """Read everything once."""
    ranges: dict[str, Ranges] = {}
    at_bound = numbers = still = steps = 0
    for i in range(len(rollouts)):
        for key, array in rollouts.episode(i).items():
            rows = array[:-1] if key == "action" else array
            _widen(ranges, key, i, rows)
            if key == "action":
                at_bound, numbers = at_bound + int((np.abs(rows) >= 1).sum()), numbers + rows.size
                still, steps = (
                    still + int((rows == 0).reshape(len(rows), -1).all(axis=1).sum()),
                    steps + len(rows),
                )
    return Report(ranges, at_bound / max(numbers, 1), still / max(steps, 1), _duplicates(rollouts))


def known_task(rollouts: Rollouts) -> Task | None:
    """The task that the rollouts name, if it is one of this package's and has their simulator
    states. Its options are not trusted.
    """
    name = rollouts.meta.get("task", {}).get("name")
    if name not in TASKS or "physics" not in rollouts.keys:
        return None
    try:
        task = make(name, obs=("pixels",), size=FRAME)
    except (ValueError, TypeError, KeyError, OSError):  # one that needs more than its name
        return None
    return task if rollouts.arrays["physics"].shape[1:] == task.snapshot().shape else None


def object_motion(rollouts: Rollouts, task: Task | None) -> str | None:
    """In how many frames an object moved that no actuator moves, and how far it was moved in an
    episode, in words, of the first OBSERVED frames; None where there is no object.
    """
    if task is None or "physics" not in rollouts.keys or not len(rollouts):
        return None
    objects = np.array(read_roles(task.model).objects, int)
    if not len(objects):
        return None
    data, moved, way, frames, episodes = mujoco.MjData(task.model), 0, 0.0, 0, 0
    while episodes < len(rollouts) and frames < OBSERVED:
        physics = rollouts.episode(episodes)["physics"]
        for row, state in enumerate(physics):
            place, attitude = data.xpos[objects].copy(), data.xquat[objects].copy()
            data.qpos[:] = task.qpos_qvel(state)[0]
            mujoco.mj_kinematics(task.model, data)
            if row:
                moved += bool((motion(place, attitude, data, objects, LEVER) > STIRRED).any())
                way += float(np.linalg.norm(data.xpos[objects] - place, axis=1).max())
        episodes, frames = episodes + 1, frames + len(physics) - 1
    return (
        f"an object moved in {moved / max(frames, 1):.0%} of {frames:,} frames,"
        f" {way / episodes:.2f} m in an episode"
    )


def positions(rollouts: Rollouts, task: Task | None) -> tuple[np.ndarray, str] | None:
    """Where the robot has been, finite `[N, 2]`, and the axes' names: the two wider ones of what
    has to reach the goal, else the first two states that change; None if there are neither.
    """
    rows = np.concatenate(
        [
            np.arange(first, first + length + 1)
            for first, length in zip(rollouts.offsets, rollouts.lengths, strict=True)
        ]
    )
    rows = rows[:: -(-len(rows) // DRAWN)]
    if task is not None:
        physics = rollouts.arrays["physics"][rows]
        points = task.tracked_point(physics[np.isfinite(physics).all(axis=1)])
        names = [f"{axis} [m]" for axis in "xyz"]
    elif "state" in rollouts.keys and rollouts.arrays["state"].ndim == 2:
        states = rollouts.arrays["state"][rows]
        points = states[np.isfinite(states).all(axis=1)]
        names = [f"state {axis}" for axis in range(points.shape[1])]
    else:
        return None
    if not len(points):
        return None
    spread = np.ptp(points, axis=0)
    axes = (
        np.sort(np.argsort(-spread, kind="stable")[:2])
        if task is not None
        else np.flatnonzero(spread)[:2]
    )
    return (points[:, axes], " and ".join(names[axis] for axis in axes)) if len(axes) == 2 else None


def coverage(points: np.ndarray) -> float:
    """Share of CELLS x CELLS cells, laid over the points' own range, that hold one."""
    low, width = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-12)
    cells = np.minimum(((points - low) / width * CELLS).astype(int), CELLS - 1)
    return len(np.unique(cells, axis=0)) / CELLS**2


def frames(
    rollouts: Rollouts, task: Task | None, episodes: Sequence[int], columns: int
) -> list[list[np.ndarray]]:
    """Pictures uint8 `[H, W, 3]` at `columns` even moments of each episode: recorded ones, else
    rendered; none if neither can be.
    """
    sheet = []
    for i in episodes:
        episode, at = rollouts.episode(i), np.linspace(0, rollouts.lengths[i], columns).astype(int)
        if _has_pictures(episode):
            sheet.append([episode["pixels"][t][..., :3] for t in at])
        elif task is not None:
            sheet.append([task.observation(state)["pixels"] for state in episode["physics"][at]])
    return sheet


def _has_pictures(episode: Arrays) -> bool:
    pixels = episode.get("pixels")
    return (
        pixels is not None
        and pixels.dtype == np.uint8
        and pixels.ndim == 4
        and pixels.shape[-1] >= 3
    )


def _widen(ranges: dict[str, Ranges], key: str, episode: int, rows: np.ndarray) -> None:
    """Take an episode into a key's ranges; pictures have one range for all their numbers."""
    if not rows.size:
        return
    rows = rows.reshape(-1, 1) if key == "pixels" else rows.reshape(len(rows), -1)
    finite = np.isfinite(rows)
    whole = bool(finite.all())
    low = (rows if whole else np.where(finite, rows, np.inf)).min(axis=0)
    high = (rows if whole else np.where(finite, rows, -np.inf)).max(axis=0)
    before = ranges.setdefault(key, Ranges(low, high, []))
    ranges[key] = Ranges(
        np.minimum(before.low, low),
        np.maximum(before.high, high),
        before.broken + ([] if whole else [episode]),
    )


def _duplicates(rollouts: Rollouts) -> list[tuple[int, int]]:
    """Episodes whose checksums and length are those of an earlier one."""
    seen: dict[tuple[int, ...], int] = {}
    duplicates = []
    for i, (length, checksums) in enumerate(
        zip(rollouts.lengths.tolist(), rollouts.checksums.tolist(), strict=True)
    ):
        first = seen.setdefault((length, *checksums), i)
        duplicates += [(i, first)] if first != i else []
    return duplicates
