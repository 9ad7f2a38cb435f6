"""Pixels without OpenGL: a camera that casts rays at MuJoCo's geoms and shades them in numpy.

The same bytes on every machine, so a model trained on these pixels sees the same ones everywhere.
It is the default for observations; `envs/cameras/gl.py` draws handsome large frames for people. Not
here: textures, shadows, lights of the model; nor sites, tendons, skins and soft bodies, which rays
do not meet. What is partly transparent is opaque.

Meshes are simplified to half a pixel and found triangle by triangle (`envs/cameras/triangles.py`);
an orthographic camera casts its rays at them as they are.

Rays that cannot meet a moving geom are cast once, not for every picture; the bytes are those of
casting all of them (a test).

Shapes: H rows, W columns, K rays per pixel, N pixels, M moving geoms.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

import mujoco
import numpy as np

from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.envs.cameras.lens import VISIBLE_GROUPS, Perspective, find_lens
from latent_mpc.envs.cameras.ray_grid import Cast, RayGrid
from latent_mpc.envs.cameras.triangles import NEAR, Triangles
from latent_mpc.envs.cameras.view import PREFIX, View, read_view

BACKGROUND = np.array([0.10, 0.11, 0.13])  # [0..1 RGB] where no geom is hit
AMBIENT = 0.35  # share of a geom's colour seen where no light falls
# direction towards the one light
LIGHT = np.array([0.25, 0.35, 0.90]) / np.linalg.norm([0.25, 0.35, 0.90])
# a geom's rgba in MuJoCo if none is given: the material's counts, any other one stands above it
UNSET = (0.5, 0.5, 0.5, 1.0)
MESH = int(mujoco.mjtGeom.mjGEOM_MESH)
DETAIL = (
    0.5  # [pixels] to which meshes are simplified, as large as they are at the model's own pose
)


class RayCamera:
    """A fixed or moving camera of the model, rendered by ray casting.

    Any `MjData` of the model may be passed at any time. Colours are those that geoms had when the
    camera was made, sizes those of the first picture, so that a state has one picture whatever an
    environment's reset edits in the model. While it renders it hides parts of the model from
    MuJoCo, so nothing else may simulate the same model meanwhile, in another thread.

    Args:
        model: the MuJoCo model.
        name: the camera's name in the model, or a view (`envs/cameras/view.py`).
        size: rows and columns of the (square) picture [pixels].
        supersample: rays per pixel and axis where two geoms meet. 4 places an edge to about 1/16 of
            a pixel; interior pixels need one ray only, so this costs 2 times the plain picture
            instead of 16.

    Raises:
        KeyError: no camera of that name.
        ValueError: a camera without a field of view.
    """

    def __init__(
        self, model: mujoco.MjModel, name: str, size: int = 64, supersample: int = 4
    ) -> None:
        self.model, self.size, self.supersample = model, size, supersample
        self.view = find_camera(model, name)
        self.lens = find_lens(model, self.view)
        # (H, W, xy) [pixels]
        centre = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1) + 0.5
        offset = (np.arange(supersample) + 0.5) / supersample - 0.5
        offsets = np.stack(np.meshgrid(offset, offset), axis=-1).reshape(-1, 2)
        self._coarse = RayGrid(self._rays(centre[:, :, None]))  # K = 1: through the pixels' centres
        self._fine = RayGrid(self._rays(centre[:, :, None] + offsets))
        rgba = geom_rgba(model)
        # last row: geom id -1, the background
        self._colour = np.concatenate([rgba[:, :3], BACKGROUND[None]])
        # rays would meet those whose material is opaque
        self._unseen = np.flatnonzero(rgba[:, 3] == 0)
        self._movable = model.body_weldid[model.geom_bodyid] != 0  # geoms not welded to the world
        self._triangles = self._mesh_triangles()
        if self._triangles:
            self._unseen = np.union1d(self._unseen, self._triangles.geoms)
        self._scene = np.empty(0)  # where the camera and the other geoms were in the last picture

    def render(self, data: mujoco.MjData) -> np.ndarray:
        """The picture of the current state: uint8 `[H, W, 3]`. Needs up-to-date kinematics
        (`mj_forward`).
        """
        moving, cast = self._prepare(data)
        with _hidden(self.model, self._unseen):
            geom, colour = self._coarse.look(np.ones_like(moving), moving, cast)
            edge = _edges(geom)
            if self.supersample > 1:
                colour[edge] = self._fine.look(edge, moving, cast)[1][edge]
        return (colour * 255.0 + 0.5).astype(np.uint8)

    def geoms(self, data: mujoco.MjData) -> np.ndarray:
        """The geom that is seen in the middle of each pixel, int `[H, W]`; -1 for none. Needs
        up-to-date kinematics.
        """
        moving, cast = self._prepare(data)
        with _hidden(self.model, self._unseen):
            return self._coarse.look(np.ones_like(moving), moving, cast)[0]

    def project(self, data: mujoco.MjData, points: np.ndarray) -> np.ndarray:
        """World points `[..., 3]` [m] -> picture positions `[..., 2]` as shares of width and height
        from the top left.
        """
        position, axes = self._pose(data)
        return self.lens.project((points - position) @ axes)

    def _pose(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Position `[3]` [m] and axes `[3, 3]`: right, up, backwards."""
        if isinstance(self.view, View):
            return self.view.position, self.view.axes
        return data.cam_xpos[self.view], data.cam_xmat[self.view].reshape(3, 3)

    def _rays(self, pixels: np.ndarray) -> np.ndarray:
        return self.lens.rays(pixels / self.size * 2 - 1)

    def _mesh_triangles(self) -> Triangles | None:
        """Of the meshes that are drawn. A cell's length is a power of the root of 2: a model that
        differs by rounding has the same ones.
        """
        model, data = self.model, mujoco.MjData(self.model)
        meshes = np.flatnonzero(drawn_geoms(model) & (model.geom_type == MESH))
        if not (len(meshes) and isinstance(self.lens, Perspective)):
            return None
        place(model, data)
        away = np.linalg.norm(data.geom_xpos[meshes] - self._pose(data)[0], axis=-1)
        nearest = np.maximum(away - model.geom_rbound[meshes], NEAR)
        pixel = nearest * 2 * self.lens.half.min() / self.size  # [m]
        return Triangles(model, meshes, 2.0 ** (np.floor(2 * np.log2(DETAIL * pixel)) / 2))

    def _prepare(self, data: mujoco.MjData) -> tuple[np.ndarray, Cast]:
        """For a picture: pixels `[H, W]` that may show what moves, and how rays are cast."""
        self._forget_another_scene(data)
        if self._triangles and isinstance(self.lens, Perspective):
            self._triangles.place(data, *self._pose(data), self.lens.centre, self.lens.half)
        return self._moving_pixels(data), partial(self._cast, data)

    def _forget_another_scene(self, data: mujoco.MjData) -> None:
        """Cast all rays again if the camera moved, or a geom welded to the world (the model was
        edited).
        """
        fixed, (position, axes) = ~self._movable, self._pose(data)
        poses = position, axes.ravel(), data.geom_xpos[fixed].ravel(), data.geom_xmat[fixed].ravel()
        scene = np.concatenate(poses)
        if not np.array_equal(scene, self._scene):
            self._scene = scene
            self._coarse.forget()
            self._fine.forget()

    def _moving_pixels(self, data: mujoco.MjData) -> np.ndarray:
        """Pixels `[H, W]` with a ray that may meet the bounding sphere of a movable geom."""
        shown = self._movable & (VISIBLE_GROUPS[np.clip(self.model.geom_group, 0, 5)] > 0)
        radius = self.model.geom_rbound[shown]  # 0: a mocap body's infinite plane
        if (radius == 0).any():
            return np.ones((self.size, self.size), bool)
        centres, radius = _outer_spheres(data.geom_xpos[shown], radius)
        position, axes = self._pose(data)
        rays = self._coarse.rays[:, :, 0]
        return self.lens.meets(rays, (centres - position) @ axes, radius, self.size)

    def _cast(
        self, data: mujoco.MjData, rays: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rays `[N, K, 3]` of the pixels in a mask `[H, W]`, in the camera's frame -> geom hit
        `[N, K]` (-1: none) and shaded colour `[N, K, 3]` in 0..1.
        """
        geom, distance, normal = self._hits(data, rays.reshape(-1, 3))
        if self._triangles:
            near, mesh, facing = self._triangles.cast(rays, mask)
            first = (mesh >= 0) & ((geom < 0) | (near * distance > 1))
            geom[first], normal[first] = mesh[first], facing[first] @ self._pose(data)[1].T
        colour = self._colour[geom]  # geom -1 reads the last row
        hit = geom >= 0
        colour[hit] *= AMBIENT + (1 - AMBIENT) * np.clip(normal[hit] @ LIGHT, 0.0, 1.0)[:, None]
        return geom.reshape(rays.shape[:-1]), colour.reshape(rays.shape)

    def _hits(
        self, data: mujoco.MjData, rays: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Geoms `[N]` that rays `[N, 3]` meet, distances `[N]` and normals `[N, 3]`. What the
        camera stands in is seen through, as in OpenGL.
        """
        position, axes = self._pose(data)
        geom, distance, normal = self.lens.cast(self.model, data, position, axes, rays)
        around = self.lens.within((data.geom_xpos - position) @ axes, self.model.geom_rbound)
        if around.any():
            behind = (geom >= 0) & around[geom] & (self.lens.along(rays, normal @ axes) > 0)
            for one in np.unique(geom[behind]):
                again = behind & (geom == one)
                with _hidden(self.model, one):
                    geom[again], distance[again], normal[again] = self._hits(data, rays[again])
        return geom, distance, normal


def place(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Bring geoms and cameras to where the positions of `data` put them."""
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)  # cameras that track a centre of mass
    mujoco.mj_camlight(model, data)


@contextlib.contextmanager
def _hidden(model: mujoco.MjModel, geoms: np.ndarray) -> Iterator[None]:
    """Rays do not meet these geoms."""
    groups = model.geom_group[geoms].copy()
    model.geom_group[geoms] = np.flatnonzero(VISIBLE_GROUPS == 0)[-1]
    try:
        yield
    finally:
        model.geom_group[geoms] = groups


def _outer_spheres(centres: np.ndarray, radius: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of the spheres, centres `[M, 3]` and radius `[M]`, that lie in no other one."""
    order = np.argsort(-radius, kind="stable")
    centres, radius = centres[order], radius[order]
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1)
    outer = ~np.tril(apart + radius[:, None] <= radius, -1).any(axis=1)
    return centres[outer], radius[outer]


def geom_rgba(model: mujoco.MjModel) -> np.ndarray:
    """Colours of geoms `[ngeom, 4]` as OpenGL shows them: a geom's own rgba stands above its
    material's; a texture counts by its average.
    """
    material = model.geom_matid
    if not model.nmat:
        return model.geom_rgba.copy()
    own = (material < 0) | (model.geom_rgba != np.array(UNSET, np.float32)).any(axis=-1)
    rgba = np.where(own[:, None], model.geom_rgba, model.mat_rgba[material])
    return rgba * np.where(material[:, None] >= 0, texture_colours(model)[material], 1.0)


def texture_colours(model: mujoco.MjModel) -> np.ndarray:
    """The average colour of each material's texture `[nmat, 4]` in [0, 1], white without one."""
    colours = np.ones((model.nmat, 4), np.float32)
    for material, roles in enumerate(model.mat_texid):
        if (texture := roles[mujoco.mjtTextureRole.mjTEXROLE_RGB]) < 0:
            continue
        shape = *(int(getattr(model, f"tex_{key}")[texture]) for key in ("height", "width")), -1
        channels, begin = int(model.tex_nchannel[texture]), int(model.tex_adr[texture])
        pixels = model.tex_data[begin : begin + shape[0] * shape[1] * channels].reshape(shape)
        colours[material, :3] = pixels[..., :3].mean(axis=(0, 1)) / 255.0
    return colours


def drawn_geoms(model: mujoco.MjModel) -> np.ndarray:
    """Geoms that are drawn, bool `[ngeom]`: of a group that is shown, and neither they nor their
    material wholly transparent.
    """
    material = model.geom_matid
    # MuJoCo's rule for rays
    alpha = np.where(
        material >= 0, model.mat_rgba[material, 3] if model.nmat else 0.0, model.geom_rgba[:, 3]
    )
    return (
        (VISIBLE_GROUPS[np.clip(model.geom_group, 0, 5)] > 0)
        & (alpha > 0)
        & (geom_rgba(model)[:, 3] > 0)
    )


def find_camera(model: mujoco.MjModel, name: str) -> View | int:
    """A view, or the index of a named camera. Raises ValueError, KeyError."""
    return read_view(name) if name.startswith(PREFIX) else camera_id(model, name)


def camera_id(model: mujoco.MjModel, name: str) -> int:
    """Index of a named camera. Raises KeyError listing the model's cameras."""
    names = [model.camera(i).name for i in range(model.ncam)]
    if name not in names:
        raise UnknownNameError(
            f"no camera {name!r} in the model; there are: {', '.join(names) or 'none'}"
        )
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
