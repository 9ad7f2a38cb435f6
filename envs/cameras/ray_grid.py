"""One bundle of rays for each pixel, cast again only where something may have changed.

Shapes: H rows, W columns, K rays per pixel, N pixels cast.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# rays [N, K, 3] of the pixels in a mask [H, W] -> geoms [N, K], colours [N, K, 3]
Cast = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class RayGrid:
    """Rays `[H, W, K, 3]` and what they last hit where nothing moves. Costs memory for one picture,
    none for single rays.
    """

    def __init__(self, rays: np.ndarray) -> None:
        self.rays = rays
        self._known = np.zeros(rays.shape[:2], bool)
        self._geom, self._colour = (
            np.zeros(rays.shape[:2], np.int32),
            np.zeros((*rays.shape[:2], 3)),
        )

    def forget(self) -> None:
        """Cast every ray again."""
        self._known[:] = False

    def look(
        self, mask: np.ndarray, moving: np.ndarray, cast: Cast
    ) -> tuple[np.ndarray, np.ndarray]:
        """Geom of each pixel's first ray `[H, W]` and mean colour of all its rays `[H, W, 3]`, both
        valid where `mask`.

        Args:
            mask: pixels asked for, bool `[H, W]`.
            moving: pixels that may show something that moves, bool `[H, W]`: cast now and not
                remembered.
        """
        geom, colour = self._geom.copy(), self._colour.copy()
        new = mask & (moving | ~self._known)
        if new.any():
            geoms, colours = cast(self.rays[new], new)
            geom[new], colour[new] = geoms[:, 0], colours.mean(axis=1)
        still = new & ~moving
        self._known |= still
        self._geom[still], self._colour[still] = geom[still], colour[still]
        return geom, colour
