"""How a camera of the model maps the world to its picture, as OpenGL does it: in perspective, off
its centre too, or orthographic.

A lens knows nothing of colours or of pixels that need no ray (`envs/cameras/ray.py`). All it is
given and gives is in the camera's frame, whose axes are right, up and backwards, unless it says
world.

Shapes: H rows, W columns, K rays per pixel, N rays, M spheres.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.cameras.view import View, view_camera

# MuJoCo's own default: groups 0 to 2 are shown
VISIBLE_GROUPS = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)
WIDEST = 1e4  # half a picture at depth 1: a field of view of 179.99 degrees


@dataclass(frozen=True)
class Perspective:
    """Rays from one point. `centre` and `half` the size of the picture at depth 1, `[2]` each:
    right and up.
    """

    centre: np.ndarray
    half: np.ndarray

    def rays(self, places: np.ndarray) -> np.ndarray:
        """Unit directions `[..., 3]` through places `[..., 2]` in the picture: -1 to 1, right and
        down.
        """
        xy = places * self.half
        rays = np.stack(
            [xy[..., 0] + self.centre[0], -xy[..., 1] + self.centre[1], -np.ones(xy.shape[:-1])],
            axis=-1,
        )
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points `[..., 3]` [m] -> picture positions `[..., 2]` as shares of width and height from
        the top left.
        """
        return _shares(points[..., :2] / -points[..., 2:], self.centre, self.half)

    def meets(
        self, rays: np.ndarray, centres: np.ndarray, radius: np.ndarray, size: int
    ) -> np.ndarray:
        """Pixels `[H, W]` with a ray that may meet one of the spheres: centres `[M, 3]`, radius
        `[M]`; middle `rays` `[H, W, 3]`.
        """
        if self.within(centres, radius).any():
            return np.ones(rays.shape[:2], bool)
        distance = np.linalg.norm(centres, axis=-1)
        # [rad] at most, from a pixel's centre to any of its rays
        corner = np.arctan(np.hypot(*self.half) / size)
        cosine = rays @ (centres / distance[:, None]).T  # (H, W, M)
        return (cosine >= np.cos(np.arcsin(radius / distance) + corner)).any(axis=-1)

    def within(self, centres: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Spheres in which rays begin, bool `[M]`."""
        return np.linalg.norm(centres, axis=-1) <= radius

    def along(self, rays: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Above 0 where a ray `[N, 3]` goes the way of a normal `[N, 3]`, out of what it meets."""
        return np.einsum("ni,ni->n", rays, normals)

    def cast(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        position: np.ndarray,
        axes: np.ndarray,
        rays: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Geoms `[N]` that the rays `[N, 3]` meet, -1 for none, their distances `[N]` [m] and their
        normals `[N, 3]` in the world; the camera's pose in the world.
        """
        count, world = len(rays), rays @ axes.T
        geom, distance, normal = np.empty(count, np.int32), np.empty(count), np.zeros((count, 3))
        boxes = model.body_bvhadr.copy()
        # before 4.0 MuJoCo turns bodies' boxes wrongly where the inertia's frame is another, and
        # misses geoms
        model.body_bvhadr[:] = -1
        try:
            mujoco.mj_multiRay(
                model,
                data,
                position,
                world.ravel(),
                VISIBLE_GROUPS,
                True,
                -1,
                geom,
                distance,
                normal.ravel(),
                count,
                1e10,
            )
        finally:
            model.body_bvhadr[:] = boxes
        return geom, distance, normal


@dataclass(frozen=True)
class Orthographic:
    """Parallel rays; `half` the size of the picture [m]. Its rays are where they begin. MuJoCo
    casts them one by one: 40 times slower.
    """

    half: np.ndarray

    def rays(self, places: np.ndarray) -> np.ndarray:
        xy = places * self.half
        return np.stack([xy[..., 0], -xy[..., 1], np.zeros(xy.shape[:-1])], axis=-1)

    def project(self, points: np.ndarray) -> np.ndarray:
        return _shares(points[..., :2], np.zeros(2), self.half)

    def meets(
        self, rays: np.ndarray, centres: np.ndarray, radius: np.ndarray, size: int
    ) -> np.ndarray:
        apart = np.linalg.norm(rays[:, :, None, :2] - centres[:, :2], axis=-1)  # (H, W, M)
        return (apart <= radius + np.hypot(*self.half) / size).any(axis=-1)

    def within(self, centres: np.ndarray, radius: np.ndarray) -> np.ndarray:
        return np.abs(centres[:, 2]) <= radius

    def along(self, rays: np.ndarray, normals: np.ndarray) -> np.ndarray:
        return -normals[:, 2]

    def cast(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        position: np.ndarray,
        axes: np.ndarray,
        rays: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        geom, normal = np.empty((len(rays), 1), np.int32), np.zeros((len(rays), 3))
        forward = -axes[:, 2]
        distance = [
            mujoco.mj_ray(model, data, begin, forward, VISIBLE_GROUPS, True, -1, geom[i], normal[i])
            for i, begin in enumerate(position + rays @ axes.T)
        ]
        return geom[:, 0], np.array(distance), normal


Lens = Perspective | Orthographic


def find_lens(model: mujoco.MjModel, place: View | int) -> Lens:
    """The lens of a view, or of a camera of the model. Raises ValueError if its field of view is
    none.
    """
    if isinstance(place, View):
        name, fovy, kind = (
            "the free camera",
            float(model.vis.global_.fovy),
            model.vis.global_.orthographic,
        )
    else:
        name, fovy, kind = (
            f"camera {model.camera(place).name!r}",
            float(model.cam_fovy[place]),
            model.cam_projection[place],
        )
    orthographic = int(kind) == int(mujoco.mjtProjection.mjPROJ_ORTHOGRAPHIC)
    centre = np.zeros(2)
    if orthographic:
        half = np.full(2, fovy / 2)  # [m]
    elif not isinstance(place, View) and model.cam_sensorsize[place].any():
        centre, half = _frustum(model, place)
    else:
        half = np.full(2, np.tan(np.deg2rad(fovy) / 2))
    if not (
        np.isfinite(centre).all()
        and (half > 0).all()
        and (half < (np.inf if orthographic else WIDEST)).all()
    ):
        raise LatentMPCError(
            f"{name} must have a fovy above 0 and below 180 degrees, or sensorsize and focal, got a"
            f" fovy of {fovy:g}"
        )
    return Orthographic(half) if orthographic else Perspective(centre, half)


def _frustum(model: mujoco.MjModel, place: int) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half the size, at depth 1, of a camera with a sensor. MuJoCo's own: it turned the
    principal point round after 3.5.
    """
    data, scene = mujoco.MjData(model), mujoco.MjvScene(model, maxgeom=1)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    mujoco.mjv_updateCamera(model, data, view_camera(model, place), scene)
    eye = scene.camera[0]
    middle, height = (
        (eye.frustum_top + eye.frustum_bottom) / 2,
        (eye.frustum_top - eye.frustum_bottom) / 2,
    )
    return (
        np.array([eye.frustum_center, middle]) / eye.frustum_near,
        np.array([eye.frustum_width, height]) / eye.frustum_near,
    )


def _shares(xy: np.ndarray, centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    away = (xy - centre) / (2 * half)
    return np.stack([0.5 + away[..., 0], 0.5 - away[..., 1]], axis=-1)
