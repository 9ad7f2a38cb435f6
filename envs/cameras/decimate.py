"""A mesh of fewer faces: vertices of one cell of a grid become their mean (Rossignac and Borrel
1993).

Holes and hollows that are wider than a cell stay, which a convex hull would fill. Only additions
and comparisons: the same faces on every machine.
"""

from __future__ import annotations

import numpy as np

FEWEST = 3  # cells along an axis: a needle or a sheet keeps its thickness
MOST = 64  # cells along an axis


def decimate(vertices: np.ndarray, faces: np.ndarray, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices `[V, 3]` and faces `[F, 3]` -> fewer of both, faces turned as they were.

    Args:
        cell: length of a cell's edges at most [m], between `FEWEST` and `MOST` of them on an axis.
    """
    low, extent = vertices.min(axis=0), np.ptp(vertices, axis=0)
    count = np.clip(np.ceil(extent / max(cell, 1e-9)), FEWEST, MOST)
    place = (vertices - low) / np.maximum(extent, 1e-12) * count
    x, y, z = np.minimum(place, count - 1).astype(int).T
    group = np.unique((x * MOST + y) * MOST + z, return_inverse=True)[1].reshape(-1)
    size = np.bincount(group)
    means = [np.bincount(group, axis) / size for axis in vertices.T]
    a, b, c = (group[corner] for corner in faces.T)
    kept = group[faces][(a != b) & (b != c) & (c != a)]
    # faces of the same corners in the same order are one, whichever corner comes first
    turned = (kept.argmin(axis=1)[:, None] + np.arange(3)) % 3
    return np.stack(means, axis=-1), np.unique(np.take_along_axis(kept, turned, axis=1), axis=0)
