"""A camera that is not in the model: where it stands, written as text, and one chosen to see all
that moves.

Text so that it can stand in a config: `view:X:Y:Z:DISTANCE:AZIMUTH:ELEVATION`, the point looked at
[m], the distance from it [m] and MuJoCo's two angles of a free camera [deg].
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError

PREFIX = "view:"
MARGIN = 1.1  # of the picture, beyond what moves
CORNERS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))  # of a box, `[8, 3]`
DEEP = 0.3  # of the widest spread of what moves: from here on its motion is no flat one
LOWEST = -20.0  # [deg] elevation: a view along the floor sees the floor's edge only


@dataclass(frozen=True)
class View:
    """A free camera: it looks from `distance` [m] at the point `at` `[3]` [m]; azimuth and
    elevation [deg] as MuJoCo has them.
    """

    at: tuple[float, float, float]
    distance: float
    azimuth: float
    elevation: float

    def __str__(self) -> str:
        places = [_written(number, self.distance / 1000) for number in self.at]
        return PREFIX + ":".join(
            [
                *places,
                *(_written(number) for number in (self.distance, self.azimuth, self.elevation)),
            ]
        )

    @cached_property
    def position(self) -> np.ndarray:
        """Of the camera, `[3]` [m]."""
        return np.array(self.at) + self.distance * self.axes[:, 2]

    @cached_property
    def axes(self) -> np.ndarray:
        """The camera's axes as columns `[3, 3]`: right, up, backwards."""
        azimuth, elevation = np.deg2rad([self.azimuth, self.elevation])
        forward = np.array(
            [
                np.cos(elevation) * np.cos(azimuth),
                np.cos(elevation) * np.sin(azimuth),
                np.sin(elevation),
            ]
        )
        right = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
        return np.stack([right, np.cross(right, forward), -forward], axis=-1)


def view_camera(model: mujoco.MjModel, place: View | int) -> mujoco.MjvCamera:
    """MuJoCo's own camera at a place; a view is orthographic where the model says so of its free
    camera.
    """
    camera = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, camera)
    if isinstance(place, View):
        camera.lookat[:], camera.distance = place.at, place.distance
        camera.azimuth, camera.elevation = place.azimuth, place.elevation
    else:
        camera.type, camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, place
    return camera


def split_names(text: str) -> list[str]:
    """The cameras that `FRONT+TOP` stacks; the + of an exponent, `1e+04`, parts nothing."""
    return re.split(r"(?<![\d.][eE])\+|\+(?!\d)", text)


def read_view(text: str) -> View:
    """The view that a text describes. Raises ValueError if it is none."""
    try:
        x, y, z, distance, azimuth, elevation = map(float, text.removeprefix(PREFIX).split(":"))
    except ValueError:
        raise LatentMPCError(
            f"camera must be {PREFIX}X:Y:Z:DISTANCE:AZIMUTH:ELEVATION in m and degrees, got"
            f" {text!r}"
        ) from None
    if not np.isfinite([x, y, z, distance, azimuth, elevation]).all() or distance <= 0:
        raise LatentMPCError(
            f"a camera's numbers must be finite and its distance above 0, got {text!r}"
        )
    return View((x, y, z), distance, azimuth, elevation)


def choose_view(
    model: mujoco.MjModel, poses: np.ndarray, moving: np.ndarray, *, across: bool = False
) -> View:
    """A view of all that moves, along the direction in which it moves least: from above on a maze,
    from the side on a pendulum.

    Args:
        poses: positions `[M, nq]` that it visits.
        moving: bodies that have to be seen, bool `[nbody]`.
        across: along the direction in which it moves second least instead.
    """
    where, corner = _places(model, poses, moving)
    backwards = _directions(where)[1][1 if across else 2]
    backwards *= 1.0 if abs(backwards[2]) < 0.1 or backwards[2] > 0 else -1.0
    # a side view has x to the right
    backwards *= -1.0 if abs(backwards[2]) < 0.1 and backwards[1] > 0 else 1.0
    elevation = min(LOWEST, -float(np.rad2deg(np.arcsin(np.clip(backwards[2], -1, 1)))))
    # nearly from above: exactly from above, x to the right
    flat = np.hypot(backwards[0], backwards[1]) < 0.25
    azimuth = 90.0 if flat else float(np.rad2deg(np.arctan2(-backwards[1], -backwards[0])))
    axes = View((0.0, 0.0, 0.0), 1.0, azimuth, -90.0 if flat else elevation).axes
    seen = corner @ axes  # right, up, backwards
    middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
    right, up, back = (seen - middle).T
    # an orthographic picture has one size from any distance: only to stand outside
    half = np.pi / 6 if model.vis.global_.orthographic else np.deg2rad(model.vis.global_.fovy) / 2
    # each corner within the picture's pyramid, which narrows towards the camera
    distance = (back + MARGIN * np.maximum(abs(right), abs(up)) / np.tan(half)).max()
    x, y, z = axes @ middle
    return View(
        (float(x), float(y), float(z)), float(distance), azimuth, -90.0 if flat else elevation
    )


def moves_in_space(model: mujoco.MjModel, poses: np.ndarray, moving: np.ndarray) -> bool:
    """Whether a picture along the direction in which it moves least would hide some of its motion:
    an arm's from above, where joints that lift it only make it look shorter.
    """
    spread = _directions(_places(model, poses, moving)[0])[0]
    return bool(spread[2] >= DEEP * spread[0])


def _places(
    model: mujoco.MjModel, poses: np.ndarray, moving: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middles `[n, 3]`, and corners `[m, 3]` of the boxes about them [m], of all that has to be
    seen, in all poses.
    """
    data, look = mujoco.MjData(model), _seen(model, moving)
    places, boxes = [], []
    for qpos in poses:
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        middle, corners = look(data)
        places.append(middle)
        boxes.append(corners.reshape(-1, 3))
    return np.concatenate(places), np.concatenate(boxes)


def _directions(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far places `[n, 3]` spread `[3]`, most first, and along what: rows `[3, 3]`."""
    _, spread, rows = np.linalg.svd(where - where.mean(axis=0), full_matrices=len(where) < 3)
    return np.pad(spread, (0, 3 - len(spread))), rows


def _seen(
    model: mujoco.MjModel, moving: np.ndarray
) -> Callable[[mujoco.MjData], tuple[np.ndarray, np.ndarray]]:
    """What there is to see of the bodies: their geoms, else sites, else inertias. A function of the
    data that gives middles `[n, 3]` and corners `[n, 8, 3]` of the boxes about them [m].
    """
    geoms = np.flatnonzero(moving[model.geom_bodyid] & (model.geom_rbound > 0))  # no planes
    sites, bodies = np.flatnonzero(moving[model.site_bodyid]), np.flatnonzero(moving)
    if len(geoms):
        offset, half = np.split(model.geom_aabb[geoms], 2, axis=-1)

        def look(data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
            turn = data.geom_xmat[geoms].reshape(-1, 1, 3, 3)
            box = (offset[:, None] + CORNERS * half[:, None])[..., None]
            return data.geom_xpos[geoms], data.geom_xpos[geoms][:, None] + (turn @ box)[..., 0]

        return look
    of_gyration = np.sqrt(model.body_inertia.max(axis=-1) / np.maximum(model.body_mass, 1e-9))
    what, which, radius = (
        ("site_xpos", sites, model.site_size.max(axis=-1)[sites])
        if len(sites)
        else ("xipos", bodies, of_gyration[bodies])
    )

    def look_about(data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        middle = getattr(data, what)[which]
        return middle, middle[:, None] + CORNERS * radius[:, None, None]

    return look_about


def _written(number: float, error: float = np.inf) -> str:
    """A number in as few digits as the error allows, 4 at least; without the + of an exponent,
    which would stack two cameras.
    """
    texts = (f"{number:.{digits}g}".replace("e+", "e") for digits in range(4, 18))
    return next(text for text in texts if abs(float(text) - number) <= error)
