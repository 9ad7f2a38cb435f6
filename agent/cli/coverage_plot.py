"""A picture of where the robot has been while rollouts were collected."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latent_mpc.envs.files import replace


def draw_coverage(points: np.ndarray, names: Sequence[str], title: str, path: Path) -> None:
    """Write positions `[N, 2]`, whose two axes have these names, as a plot, darker where the robot
    has been more often.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axis = figure.add_subplot()
    axis.hexbin(
        points[:, 0],
        points[:, 1],
        gridsize=50,
        bins="log",
        mincnt=1,
        cmap="viridis_r",
        linewidths=0.1,
    )
    axis.set(title=title, xlabel=names[0], ylabel=names[1])
    axis.set_aspect("equal" if all("[m]" in name for name in names) else "auto")
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120, format="png")
    replace(path, picture.getvalue())
