"""Lengths of shortest ways through a maze, on a fine grid of points where the ball fits.
Privileged: for `steps_to_go` only.

Two motors push x and y each on its own, so a way (dx, dy) takes as long as its longer part. The
length used here is `(1 - TIE) max(|dx|, |dy|) + TIE (|dx| + |dy|)`: that time, with a share that
makes it fall in both coordinates. Its unit circle is an octagon with corners on the axes and
diagonals, so that ways over 8 neighbours measure it exactly in the open.

Shapes: M points; grids are `[ny, nx]` with y upwards.
"""

from __future__ import annotations

import numpy as np

from latent_mpc.envs.mazes import boxes, clearance

SPACING = 0.1  # [m] between grid points
# [m] more than half a grid square's diagonal: the grid point nearest to wherever the ball fits
# counts as fitting
SLACK = 0.75 * SPACING
# [m] of clearance let off, so that grid points just at the ball's radius from a wall are free
ROUNDING = 0.01
# [m] this near, the straight way to the goal is measured; the ball's width keeps any wall out of it
NEAR = 1.5 * SPACING
# grid points round a point (ix, iy)
STENCIL = np.stack(np.meshgrid(np.arange(-1, 3), np.arange(-1, 3)), axis=-1).reshape(-1, 2)
# at 0.1 a ball pressed against a wall hardly gains by moving along it: one-step planning lost 10
# steps at corners
TIE = 0.25
KEPT = 256  # goals whose grids are kept


def length(way: np.ndarray) -> np.ndarray:
    """Length `[...]` [m] of straight ways `[..., 2]`."""
    way = np.abs(way)
    return (1 - TIE) * way.max(axis=-1) + TIE * way.sum(axis=-1)


class Geodesic:
    """Shortest ways for a ball of a given radius [m] among the walls, bool `[rows, columns]`."""

    def __init__(self, walls: np.ndarray, radius: float) -> None:
        rows, columns = walls.shape
        # [m] world position of grid point (0, 0): the map's lower left corner
        self.origin = -np.array([columns, rows]) / 2
        nx, ny = round(columns / SPACING) + 1, round(rows / SPACING) + 1
        # (ny, nx, 2)
        self.points = (
            np.stack(np.meshgrid(np.arange(nx), np.arange(ny)), axis=-1) * SPACING + self.origin
        )
        room = clearance(boxes(walls), self.points.reshape(-1, 2)).reshape(ny, nx)
        self.free, self.fits = room >= radius - ROUNDING, room >= radius - SLACK
        self._grids: dict[bytes, np.ndarray] = {}

    def to(self, goal: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Lengths `[M]` [m] of the shortest ways from points `[M, 2]` to the goal `[2]`; inf where
        the ball does not fit.

        From wherever the ball fits the length falls all the way to the goal: it is the length of a
        way that exists.
        """
        grid = self._grid(goal)
        # (M, 16, 2)
        index = np.floor((points - self.origin) / SPACING).astype(int)[:, None] + STENCIL
        index = np.clip(index, 0, np.array(grid.shape)[::-1] - 1)
        over = (
            length(points[:, None] - self.points[index[..., 1], index[..., 0]])
            + grid[index[..., 1], index[..., 0]]
        )
        straight = points - goal
        return np.where(np.abs(straight).max(axis=1) <= NEAR, length(straight), over.min(axis=1))

    def slide(self, points: np.ndarray, way: np.ndarray, steps: int = 10) -> np.ndarray:
        """Where a ball comes to rest that coasts from points `[M, 2]` along `way` `[M, 2]` [m]; it
        slides along walls.
        """
        points = points.copy()
        for _ in range(steps):
            for axis in range(2):
                moved = points.copy()
                moved[:, axis] += way[:, axis] / steps
                points = np.where(self._fit(moved)[:, None], moved, points)
        return points

    def _fit(self, points: np.ndarray) -> np.ndarray:
        index = np.clip(
            np.rint((points - self.origin) / SPACING).astype(int),
            0,
            np.array(self.fits.shape)[::-1] - 1,
        )
        return self.fits[index[:, 1], index[:, 0]]

    def _grid(self, goal: np.ndarray) -> np.ndarray:
        """Lengths from every grid point to the goal, `[ny, nx]`; the last few hundred goals are
        kept.
        """
        key = np.asarray(goal, dtype=np.float64).tobytes()
        if key not in self._grids:
            if len(self._grids) >= KEPT:
                self._grids.clear()
            self._grids[key] = self._relax(goal)
        return self._grids[key]

    def _relax(self, goal: np.ndarray) -> np.ndarray:
        """Bellman and Ford: every point takes the best over its 8 neighbours, until nothing
        changes.
        """
        straight = self.points - goal
        grid = np.where(
            (np.abs(straight).max(axis=-1) <= NEAR) & self.free, length(straight), np.inf
        )
        moves = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
        costs = length(SPACING * np.array(moves)[:, ::-1]).tolist()
        while True:
            padded, best = np.pad(grid, 1, constant_values=np.inf), grid.copy()
            for (dy, dx), cost in zip(moves, costs, strict=True):
                np.minimum(
                    best,
                    padded[1 + dy : padded.shape[0] - 1 + dy, 1 + dx : padded.shape[1] - 1 + dx]
                    + cost,
                    out=best,
                )
            best[~self.free] = np.inf
            if np.array_equal(best, grid):
                return best
            grid = best
