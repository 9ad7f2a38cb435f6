"""Which triangle of the model's meshes each ray meets, found from the triangles: MuJoCo asks every
mesh for every ray, here each triangle finds the few rays that it may meet.

For rays from one point, a regular grid of them. Faces seen from behind are not met, as in OpenGL.
Shapes: T triangles, V vertices, G geoms, N pixels, K rays per pixel, S samples: pairs of a triangle
and a ray. Coordinates come first, `[3, T]`: numpy is many times slower along a last axis of 3.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.cameras.decimate import decimate

NEAR = 1e-6  # [m] before the camera: from there on a triangle that reaches behind it is bounded
BLOCK = 2**20  # samples looked at together: some 100 MB


class Triangles:
    """Triangles of mesh geoms, in the camera's frame since `place` was last called.

    Args:
        geoms: mesh geoms `[G]` of the model.
        cells: to what length [m] of a cell each of them is simplified, `[G]`.
    """

    def __init__(self, model: mujoco.MjModel, geoms: np.ndarray, cells: np.ndarray) -> None:
        self.geoms = geoms
        shapes = [
            decimate(*mesh_of(model, int(model.geom_dataid[geom])), cell)
            for geom, cell in zip(geoms, cells, strict=True)
        ]
        self._count = np.array([len(vertices) for vertices, _ in shapes])
        first = np.cumsum(self._count) - self._count
        self._vertices = np.concatenate([vertices for vertices, _ in shapes]).T
        parts = [faces + begin for (_, faces), begin in zip(shapes, first, strict=True)]
        self._faces = np.ascontiguousarray(np.concatenate(parts).T)
        self._geom = np.repeat(geoms, [len(faces) for _, faces in shapes])

    def place(
        self,
        data: mujoco.MjData,
        position: np.ndarray,
        axes: np.ndarray,
        centre: np.ndarray,
        half: np.ndarray,
    ) -> None:
        """Where they are in the picture of a camera; `centre` and `half` as of `Perspective`."""
        turn = axes.T @ data.geom_xmat[self.geoms].reshape(-1, 3, 3)
        shift = (data.geom_xpos[self.geoms] - position) @ axes
        x, y, z = self._vertices
        # product by product: a library's matrix product may round as the processor suits it
        turn, shift = np.repeat(turn, self._count, axis=0).T, np.repeat(shift, self._count, 0).T
        place = np.stack([turn[0, i] * x + turn[1, i] * y + turn[2, i] * z for i in range(3)])
        place += shift
        self._place = place
        across, along = _project(place, centre, half)
        across, along = across.take(self._faces), along.take(self._faces)  # (3, T)
        (a, b, c), (d, e, f) = across, along
        seen = (b - a) * (f - d) < (c - a) * (e - d)  # the front, from which corners turn left
        behind = -place[2] < NEAR
        if behind.any():
            number = behind.take(self._faces).sum(axis=0)
            cut = np.flatnonzero(number % 3)
            seen &= number == 0
            seen[cut] = True  # either side of them
            ends = _cut(place[:, self._faces[:, cut]], centre, half)
            across[:, cut], along[:, cut] = ends[0][[0, 1, 1]], ends[1][[0, 1, 1]]
        self._seen = np.flatnonzero(seen)
        self._bounds = [_bounds(corners.take(self._seen, axis=1)) for corners in (across, along)]

    def cast(self, rays: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rays `[N, K, 3]` through the pixels of a mask `[H, W]` -> 1 / distance [1/m], geom (-1:
        none) and normal `[N K, 3]` in the camera's frame.
        """
        count, per_pixel = rays.shape[:2]
        fine = round(per_pixel**0.5)
        near, met = np.zeros(count * per_pixel), np.full(count * per_pixel, -1)
        triangles, columns, rows = self._touched(mask, fine)
        edges, volume = _edges(*(self._place.take(i, axis=1) for i in self._faces[:, triangles]))
        flat, numbers = np.ascontiguousarray(rays.reshape(-1, 3).T), _numbers(mask, fine)
        for part in _parts(np.flatnonzero(volume < 0), columns, rows):
            which, ray = _samples(part, columns, rows, numbers)
            close = np.zeros(len(which))
            for edge in edges:
                side = _dot(edge.take(which, axis=1), flat.take(ray, axis=1))
                kept = np.flatnonzero(side <= 0)
                which, ray = which.take(kept), ray.take(kept)
                close = close.take(kept) + side.take(kept)
            close /= volume[which]
            np.maximum.at(near, ray, close)
            nearest = close == near[ray]
            met[ray[nearest]] = which[nearest]
        normal = edges[0] + edges[1] + edges[2]
        normal = np.append((normal / np.sqrt(_dot(normal, normal) + 1e-300)).T, np.zeros((1, 3)), 0)
        return near, np.append(self._geom[triangles], -1)[met], normal[met]

    def _touched(self, mask: np.ndarray, fine: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Triangles with rays of the mask's pixels in their bounds; first and last column and row
        of rays, `[2, T]` each.
        """
        # the ray of number i stands at i + 0.5
        ends = [
            (bounds.clip(0, 1) * (len(mask) * fine) + 0.5).astype(np.int32)
            for bounds in self._bounds
        ]
        some = np.flatnonzero((ends[0][0] < ends[0][1]) & (ends[1][0] < ends[1][1]))
        columns, rows = (end.take(some, axis=1) - [[0], [1]] for end in ends)
        # pixels of the mask above and left of each place
        above = np.pad(mask.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0))).ravel()
        left, right = columns // fine + [[0], [1]]
        top, bottom = (rows // fine + [[0], [1]]) * (len(mask) + 1)
        corners = ((bottom + right, 1), (top + right, -1), (bottom + left, -1), (top + left, 1))
        held = np.flatnonzero(sum(sign * above.take(corner) for corner, sign in corners))
        return self._seen[some[held]], columns[:, held], rows[:, held]


def mesh_of(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices `[V, 3]` and faces `[F, 3]` of a mesh, in its geoms' frame."""
    vertex, face = model.mesh_vertadr[mesh], model.mesh_faceadr[mesh]
    return (
        model.mesh_vert[vertex : vertex + model.mesh_vertnum[mesh]].astype(float),
        model.mesh_face[face : face + model.mesh_facenum[mesh]],
    )


def _project(place: np.ndarray, centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Places `[3, ...]` before the camera -> shares of the picture's width, rightwards, and of its
    height, downwards, `[2, ...]`.
    """
    deep = np.maximum(-place[2], NEAR)
    right, up = ((place[i] / deep - centre[i]) / half[i] * 0.5 for i in range(2))
    return np.stack([right + 0.5, 0.5 - up])


def _cut(corners: np.ndarray, centre: np.ndarray, half: np.ndarray) -> list[np.ndarray]:
    """Bounds in the picture `[2, T]`, across and along, of what lies before the camera of triangles
    with corners `[3, 3, T]`, not all behind it.
    """
    others = np.roll(corners, 1, axis=1)
    deep, deeper = -corners[2], -others[2]
    crossing = (deep < NEAR) != (deeper < NEAR)
    share = (NEAR - deep) / np.where(crossing, deeper - deep, 1.0)
    points = np.concatenate([corners, corners + share * (others - corners)], axis=1)
    counts = np.concatenate([deep >= NEAR, crossing])
    return [
        np.stack([np.where(counts, x, np.inf).min(0), np.where(counts, x, -np.inf).max(0)])
        for x in _project(points, centre, half)
    ]


def _bounds(corners: np.ndarray) -> np.ndarray:
    """Least and greatest of three `[3, T]`: `[2, T]`."""
    a, b, c = corners
    return np.stack([np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)])


def _parts(triangles: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Some of the triangles in parts of about `BLOCK` samples."""
    (left, right), (top, bottom) = columns[:, triangles], rows[:, triangles]
    ends = np.cumsum((right - left + 1).astype(int) * (bottom - top + 1))
    return np.split(triangles, np.flatnonzero(np.diff(ends // BLOCK)) + 1)


def _samples(
    part: np.ndarray, columns: np.ndarray, rows: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles `[S]` and rays `[S]`: those asked for in the triangle's bounds."""
    line, row = _runs(*rows.take(part, axis=1))
    triangle = part.take(line)
    owner, column = _runs(*columns.take(triangle, axis=1))
    ray = numbers.ravel().take((row * len(numbers)).take(owner) + column)
    asked = np.flatnonzero(ray >= 0)
    return triangle.take(owner.take(asked)), ray.take(asked)


def _numbers(mask: np.ndarray, fine: int) -> np.ndarray:
    """Numbers of the rays through the mask's pixels where they stand in the picture, -1 elsewhere,
    `[H fine, W fine]`.
    """
    numbers = np.full((*mask.shape, fine, fine), -1, np.int32)
    count = int(mask.sum()) * fine**2
    numbers[mask] = np.arange(count, dtype=np.int32).reshape(-1, fine, fine)
    return numbers.swapaxes(1, 2).reshape(len(mask) * fine, -1)


def _runs(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All whole numbers from first to last of each: whose they are, and the numbers."""
    count = last - first + 1
    owner = np.repeat(np.arange(len(count), dtype=np.int32), count)
    begin = first - np.cumsum(count, dtype=np.int32) + count
    return owner, np.arange(len(owner), dtype=np.int32) + begin.take(owner)


def _edges(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Normals of the planes through the camera and each edge, `[3, T]` each, and the volumes `[T]`
    that triangles enclose with it: below 0 if seen from the front.

    Two triangles' planes through one edge are exact opposites: no ray passes between them.
    """
    edges = [_cross(b, c), _cross(c, a), _cross(a, b)]
    return edges, _dot(edges[0], a)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
