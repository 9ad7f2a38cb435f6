"""Pixels without OpenGL: a camera that casts rays at MuJoCo's geoms and shades them in numpy.

The same bytes on every machine, so a model trained on these pixels sees the same ones everywhere. It is the default for
observations; `envs/gl.py` draws handsome large frames for people. Not here: textures, shadows, lights of the model.

Shapes: H rows, W columns, R rays.
"""

from __future__ import annotations

import mujoco
import numpy as np

BACKGROUND = np.array([0.10, 0.11, 0.13])  # [0..1 RGB] where no geom is hit
AMBIENT = 0.35  # share of a geom's colour seen where no light falls
LIGHT = np.array([0.25, 0.35, 0.90]) / np.linalg.norm([0.25, 0.35, 0.90])  # direction towards the one light
VISIBLE_GROUPS = np.array([1, 1, 1, 0, 0, 0], dtype=np.uint8)  # MuJoCo's own default: groups 0 to 2 are shown


class RayCamera:
    """A fixed or moving camera of the model, rendered by ray casting.

    Args:
        model: the MuJoCo model.
        name: the camera's name in the model.
        size: rows and columns of the (square) picture [pixels].
        supersample: rays per pixel and axis where two geoms meet. 4 places an edge to about 1/16 of a pixel; interior pixels
            need one ray only, so this costs 2 times the plain picture instead of 16.

    Raises:
        KeyError: no camera of that name.
    """

    def __init__(self, model: mujoco.MjModel, name: str, size: int = 64, supersample: int = 4) -> None:
        self.model, self.size, self.supersample = model, size, supersample
        self.id = camera_id(model, name)
        self.half = float(np.tan(np.deg2rad(model.cam_fovy[self.id]) / 2))  # half the picture's height at depth 1
        centre = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1) + 0.5  # (H, W, xy) [pixels]
        offset = (np.arange(supersample) + 0.5) / supersample - 0.5
        offsets = np.stack(np.meshgrid(offset, offset), axis=-1).reshape(-1, 2)
        self._centre_rays = self._rays(centre)  # (H, W, 3) in the camera's frame
        self._fine_rays = self._rays(centre[:, :, None] + offsets)  # (H, W, K, 3)
        material = model.geom_matid
        colour = np.where(material[:, None] >= 0, model.mat_rgba[material] if model.nmat else 0.0, model.geom_rgba)
        self._colour = np.concatenate([colour[:, :3], BACKGROUND[None]])  # last row: geom id -1, the background

    def render(self, data: mujoco.MjData) -> np.ndarray:
        """The picture of the current state: uint8 `[H, W, 3]`. Needs up-to-date kinematics (`mj_forward`)."""
        geom, colour = self._cast(data, self._centre_rays.reshape(-1, 3))
        geom, colour = geom.reshape(self.size, self.size), colour.reshape(self.size, self.size, 3)
        edge = _edges(geom)
        if self.supersample > 1 and edge.any():
            fine = self._fine_rays[edge]  # (edges, K, 3)
            _, shades = self._cast(data, fine.reshape(-1, 3))
            colour[edge] = shades.reshape(*fine.shape).mean(axis=1)
        return (colour * 255.0 + 0.5).astype(np.uint8)

    def project(self, data: mujoco.MjData, points: np.ndarray) -> np.ndarray:
        """World points `[..., 3]` [m] -> picture positions `[..., 2]` as shares of width and height from the top left."""
        local = (points - data.cam_xpos[self.id]) @ data.cam_xmat[self.id].reshape(3, 3)
        x, y = local[..., 0] / -local[..., 2], local[..., 1] / -local[..., 2]
        return np.stack([0.5 + x / (2 * self.half), 0.5 - y / (2 * self.half)], axis=-1)

    def _rays(self, pixels: np.ndarray) -> np.ndarray:
        xy = (pixels / self.size * 2 - 1) * self.half
        rays = np.stack([xy[..., 0], -xy[..., 1], -np.ones(xy.shape[:-1])], axis=-1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def _cast(self, data: mujoco.MjData, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rays `[R, 3]` in the camera's frame -> geom hit `[R]` (-1: none) and shaded colour `[R, 3]` in 0..1."""
        count = len(rays)
        world = rays @ data.cam_xmat[self.id].reshape(3, 3).T
        geom, distance = np.empty(count, np.int32), np.empty(count)
        normal = np.zeros((count, 3))
        mujoco.mj_multiRay(
            self.model, data, data.cam_xpos[self.id], world.ravel(), VISIBLE_GROUPS, True, -1, geom, distance, normal.ravel(), count, 1e10
        )
        colour = self._colour[geom]  # geom -1 reads the last row
        hit = geom >= 0
        colour[hit] *= AMBIENT + (1 - AMBIENT) * np.clip(normal[hit] @ LIGHT, 0.0, 1.0)[:, None]
        return geom, colour


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
