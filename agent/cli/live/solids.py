"""Geoms of a MuJoCo model as triangles, in the geom's own frame.

Shapes: V vertices, F faces.
"""

from __future__ import annotations

import mujoco
import numpy as np
import trimesh

from latent_mpc.envs.cameras.decimate import decimate
from latent_mpc.envs.cameras.triangles import mesh_of

PLANE, HFIELD, SPHERE, CAPSULE, ELLIPSOID, CYLINDER, BOX, MESH, SDF = (
    int(getattr(mujoco.mjtGeom, f"mjGEOM_{name}"))
    for name in (
        *("PLANE", "HFIELD", "SPHERE", "CAPSULE", "ELLIPSOID", "CYLINDER", "BOX"),
        *("MESH", "SDF"),
    )
)
FAR = 3.0  # of the model's extent: half the width of a plane without end
MOST_FACES = 4000  # of a mesh; those with more are simplified
CELLS = 40  # along a simplified mesh's longest axis


def solid(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Vertices `[V, 3]` [m] and faces `[F, 3]`; None for a kind of geom that is not drawn."""
    kind, size = int(model.geom_type[geom]), model.geom_size[geom]
    if kind in (MESH, SDF):
        return _mesh(model, int(model.geom_dataid[geom]))
    if kind == HFIELD:
        return _heights(model, int(model.geom_dataid[geom]))
    if kind == PLANE:
        half = np.where(size[:2] > 0, size[:2], FAR * model.stat.extent)
        corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [*half, 0]
        return corners, np.array([[0, 1, 2], [0, 2, 3]])
    made = _primitive(kind, size)
    return None if made is None else (np.asarray(made.vertices), np.asarray(made.faces))


def _primitive(kind: int, size: np.ndarray) -> trimesh.Trimesh | None:
    radius, half = float(size[0]), float(size[1])
    if kind == SPHERE:
        return trimesh.creation.icosphere(subdivisions=3, radius=radius)
    if kind == CAPSULE:  # trimesh has its middle at the lower end in some versions
        made = trimesh.creation.capsule(height=2 * half, radius=radius, count=(16, 16))
        made.apply_translation(-made.bounds.mean(axis=0))
        return made
    if kind == ELLIPSOID:
        made = trimesh.creation.icosphere(subdivisions=3, radius=1.0)
        made.apply_scale(size)
        return made
    if kind == CYLINDER:
        return trimesh.creation.cylinder(radius=radius, height=2 * half, sections=32)
    if kind == BOX:
        return trimesh.creation.box(extents=2 * size)
    return None


def _mesh(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = mesh_of(model, mesh)
    if len(faces) > MOST_FACES:
        return decimate(vertices, faces, float(np.ptp(vertices, axis=0).max()) / CELLS)
    return vertices, np.asarray(faces)


def _heights(model: mujoco.MjModel, field: int) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a field of heights."""
    rows, columns = int(model.hfield_nrow[field]), int(model.hfield_ncol[field])
    x, y, z, _ = model.hfield_size[field]
    first = int(model.hfield_adr[field])
    heights = model.hfield_data[first : first + rows * columns].reshape(rows, columns)
    across, along = np.meshgrid(np.linspace(-x, x, columns), np.linspace(-y, y, rows))
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    faces = np.concatenate(
        [np.stack([a, b, d], axis=-1).reshape(-1, 3), np.stack([a, d, c], axis=-1).reshape(-1, 3)]
    )
    return np.stack([across, along, heights * z], axis=-1).reshape(-1, 3), faces
