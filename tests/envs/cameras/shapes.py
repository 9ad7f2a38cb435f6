"""Meshes for the cameras' tests, as text of an MJCF file."""

from __future__ import annotations

import numpy as np

# two triangles and their backs; three fins along one edge; a box; a box a millionth as large
SHEET = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [(0, 1, 2), (0, 2, 3), (2, 1, 0), (3, 2, 0)]
FINS = (
    [(0, 0, 0), (0, 0, 1), (1, 0, 0.5), (-0.5, 0.9, 0.5), (-0.5, -0.9, 0.5)],
    [(0, 1, 2), (2, 1, 0), (0, 1, 3), (3, 1, 0), (0, 1, 4), (4, 1, 0)],
)
NEEDLE = (
    [(0, 0, 0), (1, 0, 0), (1, 0.02, 0), (1, 0, 0.02)],
    [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)],
)


def torus(ring: float = 0.3, tube: float = 0.1, steps: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a torus round the z axis, faces turned outwards."""
    u, v = np.meshgrid(*[np.arange(steps) * 2 * np.pi / steps] * 2, indexing="ij")
    out = ring + tube * np.cos(v)
    vertices = np.stack([out * np.cos(u), out * np.sin(u), tube * np.sin(v)], axis=-1)
    i, j = np.meshgrid(*[np.arange(steps)] * 2, indexing="ij")
    a, b = i * steps + j, (i + 1) % steps * steps + j
    c, d = (i + 1) % steps * steps + (j + 1) % steps, i * steps + (j + 1) % steps
    faces = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    return vertices.reshape(-1, 3), faces


def mesh(name: str, vertices, faces, scale: float = 1.0) -> str:
    """A mesh asset; of a shell, for a sheet has no volume."""
    points = " ".join(f"{x:.9g}" for x in np.ravel(vertices))
    corners = " ".join(str(int(i)) for i in np.ravel(faces))
    size = " ".join([f"{scale:g}"] * 3)
    return (
        f'<mesh name="{name}" inertia="shell" scale="{size}" vertex="{points}" face="{corners}"/>'
    )
