"""The report's figures of the model and of the cost, from the sections of horizon.json. Each takes
data and gives a figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_mpc.agent.evaluation.statistics import THIRDS
from latent_mpc.agent.horizon.report.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, begin
from latent_mpc.agent.horizon.settings import cost_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Outcome = Mapping[str, Any]
LINES = {  # curve -> (colour, line, name)
    "model": (BLUE, "-", "imagined by the model"),
    "copy": (RED, "--", "copying the last state"),
    "mean": (GREY, ":", "the mean of all states"),
    "encoded": (GREEN, "-.", "the probe on what was seen"),
}
# (colour, hatch), by turns
BARS = ((BLUE, ""), (ORANGE, "//"), (GREEN, ".."), (PURPLE, "xx"), (SKY, "--"))
# of the costs that have one
UNITS = {"cost_to_go": "model steps", "true": "model steps", "latent": "squared latent units"}


def draw_imagination(curves: Outcome, seconds: float, what: str) -> Figure:
    """Error against steps ahead; a vertical line where the model stops beating both baselines."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = begin()
    steps = np.arange(1, len(curves["model"]) + 1)
    for name, (colour, line, label) in LINES.items():
        if name in curves:
            axes.plot(
                steps,
                curves[name],
                line,
                color=colour,
                label=label,
                linewidth=2 if name == "model" else 1.5,
            )
    last = curves["usable"]
    if 0 < last < len(steps):
        axes.axvline(last + 0.5, color=BLUE, linewidth=1, alpha=0.5)
        axes.annotate(
            f"usable: {last} steps",
            (last + 0.5, axes.get_ylim()[1]),
            xytext=(-4, -4),
            textcoords="offset points",
            ha="right",
            va="top",
        )
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(f"steps ahead [model steps of {seconds:.2g} s]")
    axes.set_ylabel(f"error, {what}")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_guidance(guidance: Outcome) -> Figure:
    """Rank correlation of each cost with the true steps, for near, middle and far states and for
    all.
    """
    figure, axes = begin()
    parts = (*THIRDS, "all")
    names = [
        (
            f"{part}\n{guidance['steps_away'][part]:.0f} steps"
            if part in guidance["steps_away"]
            else "all states"
        )
        for part in parts
    ]
    count = len(guidance["spearman"])
    for i, ((cost, ranks), (colour, hatch)) in enumerate(
        zip(guidance["spearman"].items(), cycle(BARS), strict=False)
    ):
        values = [ranks[part] for part in parts]
        where = np.arange(len(parts)) + (i - (count - 1) / 2) * 0.76 / count
        drawn = axes.bar(
            where,
            values,
            0.72 / count,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            label=cost_name(cost),
        )
        axes.bar_label(drawn, fmt="%.2f", fontsize=8.5, padding=2)
    axes.set_xticks(range(len(parts)), names)
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.08)
    axes.set_ylabel("rank correlation with the true steps")
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_landscape(plane: Outcome, name: str) -> Figure:
    """One cost over the plane of positions, towards one goal; equal colours are equal shares of
    this cost's own range.
    """
    figure, axes = begin((3.9, 3.7))
    values = np.array([[np.nan if v is None else v for v in row] for row in plane["values"][name]])
    x, y = (np.array(plane[axis]["values"]) for axis in ("x", "y"))
    shown = axes.pcolormesh(x, y, values, cmap="cividis", shading="nearest", rasterized=True)
    levels = np.nanpercentile(values, [5, 15, 30, 45, 60, 75, 90])
    if np.all(np.diff(levels) > 0):
        axes.contour(x, y, values, levels=levels, colors="white", linewidths=0.6, alpha=0.7)
    axes.plot(
        *plane["goal"],
        marker="*",
        color="white",
        markeredgecolor="black",
        markersize=15,
        linestyle="none",
    )
    axes.set_facecolor("#d1d5db")
    axes.grid(visible=False)
    if plane["x"]["unit"] == plane["y"]["unit"] == "m":
        axes.set_aspect("equal")
    axes.set(
        title=cost_name(name),
        xlabel=f"{plane['x']['name']} [{plane['x']['unit']}]",
        ylabel=f"{plane['y']['name']} [{plane['y']['unit']}]",
    )
    figure.colorbar(shown, ax=axes, label=UNITS.get(name, ""))
    return figure
