"""A camera that is not in the model: where it stands, written as text, and one chosen to see all that moves.

Text so that it can stand in a config: `view:X:Y:Z:DISTANCE:AZIMUTH:ELEVATION`, the point looked at [m], the distance from it [m] and
MuJoCo's two angles of a free camera [deg].
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

PREFIX = "view:"
MARGIN = 1.1  # of the picture, beyond what moves
LOWEST = -20.0  # [deg] elevation: a view along the floor sees the floor's edge only


@dataclass(frozen=True)
class View:
    """A free camera: it looks from `distance` [m] at the point `at` `[3]` [m]; azimuth and elevation [deg] as MuJoCo has them."""

    at: tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float

    def __str__(self) -> str:
        return PREFIX + ":".join(f"{number:.4g}" for number in (*self.at, self.distance, self.azimuth, self.elevation))

    @property
    def position(self) -> np.ndarray:
        """Of the camera, `[3]` [m]."""
        return np.array(self.at) + self.distance * self.axes[:, 2]

    @property
    def axes(self) -> np.ndarray:
        """The camera's axes as columns `[3, 3]`: right, up, backwards."""
        azimuth, elevation = np.deg2rad([self.azimuth, self.elevation])
        forward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
        right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
        return np.stack([right, np.cross(right, forward), -forward], axis=-1)


def read_view(text: str) -> View:
    """The view that a text describes. Raises ValueError if it is none."""
    try:
        x, y, z, distance, azimuth, elevation = map(float, text.removeprefix(PREFIX).split(":"))
    except ValueError:
        raise ValueError(f"camera must be {PREFIX}X:Y:Z:DISTANCE:AZIMUTH:ELEVATION in m and degrees, got {text!r}") from None
    if not np.isfinite([x, y, z, distance, azimuth, elevation]).all() or distance <= 0:
        raise ValueError(f"a camera's numbers must be finite and its distance above 0, got {text!r}")
    return View((x, y, z), distance, azimuth, elevation)


def choose_view(model: mujoco.MjModel, poses: np.ndarray, moving: np.ndarray) -> View:
    """A view of all that moves, along the direction in which it moves least: from above on a maze, from the side on a pendulum.

    Args:
        poses: positions `[M, nq]` that it visits.
        moving: bodies that have to be seen, bool `[nbody]`.
    """
    data, geoms = mujoco.MjData(model), np.flatnonzero(moving[model.geom_bodyid])
    points = []
    for qpos in poses:
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        points.append(data.geom_xpos[geoms])
    places = np.concatenate(points)
    radius = np.tile(model.geom_rbound[geoms], len(poses))
    low, high = (places - radius[:, None]).min(axis=0), (places + radius[:, None]).max(axis=0)
    centre = (low + high) / 2
    reach = float((np.linalg.norm(places - centre, axis=-1) + radius).max())
    backwards = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)[2][-1]
    backwards *= 1.0 if abs(backwards[2]) < 0.1 or backwards[2] > 0 else -1.0
    backwards *= -1.0 if abs(backwards[2]) < 0.1 and backwards[1] > 0 else 1.0  # a side view has x to the right
    elevation = min(LOWEST, -float(np.rad2deg(np.arcsin(np.clip(backwards[2], -1, 1)))))
    flat = np.hypot(backwards[0], backwards[1]) < 0.25  # nearly from above: exactly from above, x to the right
    azimuth = 90.0 if flat else float(np.rad2deg(np.arctan2(-backwards[1], -backwards[0])))
    half = np.deg2rad(model.vis.global_.fovy) / 2
    return View(
        (float(centre[0]), float(centre[1]), float(centre[2])), MARGIN * reach / np.sin(half), azimuth, -90.0 if flat else elevation
    )
