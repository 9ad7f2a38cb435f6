"""Pixels without OpenGL: a camera that casts rays at MuJoCo's geoms and shades them in numpy.

The same bytes on every machine, so a model trained on these pixels sees the same ones everywhere. It is the default for
observations; `envs/gl.py` draws handsome large frames for people. Not here: textures, shadows, lights of the model, soft bodies.

Rays that cannot meet a moving geom are cast once, not for every picture; the bytes are those of casting all of them (a test).

Shapes: H rows, W columns, K rays per pixel, N pixels, M moving geoms.
"""

from __future__ import annotations

from functools import partial

import mujoco
import numpy as np

from latent_mpc.envs.ray_grid import RayGrid
from latent_mpc.envs.view import PREFIX, View, read_view

BACKGROUND = np.array([0.10, 0.11, 0.13])  # [0..1 RGB] where no geom is hit
AMBIENT = 0.35  # share of a geom's colour seen where no light falls
LIGHT = np.array([0.25, 0.35, 0.90]) / np.linalg.norm([0.25, 0.35, 0.90])  # direction towards the one light
VISIBLE_GROUPS = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)  # MuJoCo's own default: groups 0 to 2 are shown


class RayCamera:
    """A fixed or moving camera of the model, rendered by ray casting.

    Any `MjData` of the model may be passed at any time. Sizes and colours of geoms are taken to be those of the first picture.

    Args:
        model: the MuJoCo model.
        name: the camera's name in the model, or a view (`envs/view.py`).
        size: rows and columns of the (square) picture [pixels].
        supersample: rays per pixel and axis where two geoms meet. 4 places an edge to about 1/16 of a pixel; interior pixels
            need one ray only, so this costs 2 times the plain picture instead of 16.

    Raises:
        KeyError: no camera of that name.
    """

    def __init__(self, model: mujoco.MjModel, name: str, size: int = 64, supersample: int = 4) -> None:
        self.model, self.size, self.supersample = model, size, supersample
        self.view = find_camera(model, name)
        fovy = model.vis.global_.fovy if isinstance(self.view, View) else model.cam_fovy[self.view]
        self.half = float(np.tan(np.deg2rad(fovy) / 2))  # half the picture's height at depth 1
        centre = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1) + 0.5  # (H, W, xy) [pixels]
        offset = (np.arange(supersample) + 0.5) / supersample - 0.5
        offsets = np.stack(np.meshgrid(offset, offset), axis=-1).reshape(-1, 2)
        self._coarse = RayGrid(self._rays(centre[:, :, None]))  # K = 1: through the pixels' centres
        self._fine = RayGrid(self._rays(centre[:, :, None] + offsets))
        material = model.geom_matid
        colour = np.where(material[:, None] >= 0, model.mat_rgba[material] if model.nmat else 0.0, model.geom_rgba)
        self._colour = np.concatenate([colour[:, :3], BACKGROUND[None]])  # last row: geom id -1, the background
        self._movable = model.body_weldid[model.geom_bodyid] != 0  # geoms not welded to the world
        self._scene = np.empty(0)  # where the camera and the other geoms were in the last picture

    def render(self, data: mujoco.MjData) -> np.ndarray:
        """The picture of the current state: uint8 `[H, W, 3]`. Needs up-to-date kinematics (`mj_forward`)."""
        self._forget_another_scene(data)
        moving, cast = self._moving_pixels(data), partial(self._cast, data)
        geom, colour = self._coarse.look(np.ones_like(moving), moving, cast)
        edge = _edges(geom)
        if self.supersample > 1:
            colour[edge] = self._fine.look(edge, moving, cast)[1][edge]
        return (colour * 255.0 + 0.5).astype(np.uint8)

    def project(self, data: mujoco.MjData, points: np.ndarray) -> np.ndarray:
        """World points `[..., 3]` [m] -> picture positions `[..., 2]` as shares of width and height from the top left."""
        position, axes = self._pose(data)
        local = (points - position) @ axes
        x, y = local[..., 0] / -local[..., 2], local[..., 1] / -local[..., 2]
        return np.stack([0.5 + x / (2 * self.half), 0.5 - y / (2 * self.half)], axis=-1)

    def _pose(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Position `[3]` [m] and axes `[3, 3]`: right, up, backwards."""
        if isinstance(self.view, View):
            return self.view.position, self.view.axes
        return data.cam_xpos[self.view], data.cam_xmat[self.view].reshape(3, 3)

    def _rays(self, pixels: np.ndarray) -> np.ndarray:
        xy = (pixels / self.size * 2 - 1) * self.half
        rays = np.stack([xy[..., 0], -xy[..., 1], -np.ones(xy.shape[:-1])], axis=-1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def _forget_another_scene(self, data: mujoco.MjData) -> None:
        """Cast all rays again if the camera moved, or a geom welded to the world (the model was edited)."""
        fixed, (position, axes) = ~self._movable, self._pose(data)
        poses = position, axes.ravel(), data.geom_xpos[fixed].ravel(), data.geom_xmat[fixed].ravel()
        scene = np.concatenate(poses)
        if not np.array_equal(scene, self._scene):
            self._scene = scene
            self._coarse.forget()
            self._fine.forget()

    def _moving_pixels(self, data: mujoco.MjData) -> np.ndarray:
        """Pixels `[H, W]` with a ray that may meet the bounding sphere of a movable geom."""
        radius = self.model.geom_rbound[self._movable]  # 0: a mocap body's infinite plane
        position, axes = self._pose(data)
        towards = (data.geom_xpos[self._movable] - position) @ axes  # (M, 3)
        distance = np.linalg.norm(towards, axis=-1)
        if ((radius == 0) | (distance <= radius)).any():
            return np.ones((self.size, self.size), bool)
        corner = np.arctan(np.sqrt(2) * self.half / self.size)  # [rad] at most, from a pixel's centre to any of its rays
        widest = np.arcsin(radius / distance) + corner
        cosine = self._coarse.rays[:, :, 0] @ (towards / distance[:, None]).T  # (H, W, M)
        return (cosine >= np.cos(widest)).any(axis=-1)

    def _cast(self, data: mujoco.MjData, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rays `[N, K, 3]` in the camera's frame -> geom hit `[N, K]` (-1: none) and shaded colour `[N, K, 3]` in 0..1."""
        count, (position, axes) = rays.size // 3, self._pose(data)
        world = rays.reshape(-1, 3) @ axes.T
        geom, distance = np.empty(count, np.int32), np.empty(count)
        normal = np.zeros((count, 3))
        mujoco.mj_multiRay(self.model, data, position, world.ravel(), VISIBLE_GROUPS, True, -1, geom, distance, normal.ravel(), count, 1e10)
        colour = self._colour[geom]  # geom -1 reads the last row
        hit = geom >= 0
        colour[hit] *= AMBIENT + (1 - AMBIENT) * np.clip(normal[hit] @ LIGHT, 0.0, 1.0)[:, None]
        return geom.reshape(rays.shape[:-1]), colour.reshape(rays.shape)


def find_camera(model: mujoco.MjModel, name: str) -> View | int:
    """A view, or the index of a named camera. Raises ValueError, KeyError."""
    return read_view(name) if name.startswith(PREFIX) else camera_id(model, name)


def camera_id(model: mujoco.MjModel, name: str) -> int:
    """Index of a named camera. Raises KeyError listing the model's cameras."""
    names = [model.camera(i).name for i in range(model.ncam)]
    if name not in names:
        raise KeyError(f"no camera {name!r} in the model; there are: {', '.join(names) or 'none'}")
    return names.index(name)


def _edges(geom: np.ndarray) -> np.ndarray:
    """Pixels `[H, W]` whose geom differs from that of one of the four neighbours."""
    edge = np.zeros(geom.shape, bool)
    down, right = geom[1:] != geom[:-1], geom[:, 1:] != geom[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge
