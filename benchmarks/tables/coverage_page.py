"""The page and the picture of `benchmarks.tables.coverage`, from its json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from benchmarks.planners.report import on
from latent_mpc.agent.horizon.report.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RC, save
from latent_mpc.envs.files import replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

LOOKS = {
    "random": (GREY, ":"),
    "coloured": (ORANGE, "--"),
    "goal-directed": (BLUE, "-"),
    "disagreement": (PURPLE, "-."),
}
HEAD = """# Coverage

How many places each way of collecting has been to after equally many steps; one seed, so small differences say nothing.
Written by `python -m benchmarks.tables.coverage`.
"""
HOW = """
Share of squares visited, in %: when the planner's rounds begin, and at the end. `starts` is what the starts of the episodes alone
visit, the same for every way: a Pusher episode starts where coloured noise has led from a reset.

- **random**: white noise, `collect.behaviour.name=random`. **coloured**: the default, `collect.behaviour.name=coloured`.
- **goal-directed**: {random} episodes of coloured noise, then `explore.rounds={rounds}`, each of {updates} updates and {episodes} episodes,
  planned to where few latents are (`explore.novelty=density`). **disagreement**: the same, to where five predictors disagree
  (`explore.novelty=disagreement model.ensemble=5`). Before the rounds both are what coloured noise collects.
- **pointmaze-large**: every episode starts in the upper left cell (`collect.start=[1,1]`); squares of 0.25 m in all free cells.
- **Pusher-v5**: squares of 0.05 m in a fixed box seen from above, which the arm cannot fill: the fingertip's, 1.7 x 1.7 m, holds the disc
  that it reaches, and the object's is 0.9 x 1 m of the table. Heights, velocities and other joints are not counted.

![Coverage against steps, and when each square was first visited](coverage.png)

Left: share of squares against control steps, the dotted line where the rounds begin. Right: when each square was first visited; grey is
wall, white was never visited.
"""


class Squares(Protocol):
    """What is known of them here; see `benchmarks.tables.coverage.Places`."""

    @property
    def low(self) -> tuple[float, float]: ...
    @property
    def side(self) -> float: ...
    @property
    def inside(self) -> np.ndarray: ...


Known = Mapping[str, Mapping[str, Squares]]  # task -> what is looked at -> its squares


def curve(found: Mapping[str, Any], name: str) -> np.ndarray:
    """Share of squares after 0, 1, 2, ... episodes."""
    place, episodes = found["places"][name], found["episodes"]
    new = np.bincount(np.ravel(place["first"]), minlength=episodes + 1)[:episodes]
    return np.concatenate([[0.0], np.cumsum(new) / place["squares"]])


def share(part: float) -> str:
    """In %."""
    return f"{100 * part:.1f}"


def table(results: Mapping[str, Any], known: Known) -> str:
    """A line for each task and what is looked at, a column for each way."""
    lines = [
        "| task | place of | squares | steps | starts | " + " | ".join(LOOKS) + " |",
        "| --- " * 2 + "| ---: " * (3 + len(LOOKS)) + "|",
    ]
    begin = results["settings"]["random"]
    for task, places in known.items():
        found = [results.get(task, {}).get(way) for way in LOOKS]
        done = [one for one in found if one]
        for name in places if done else ():
            one = done[0]["places"][name]
            cells = [
                f"{one['squares']}",
                f"{done[0]['steps']:,}".replace(",", " "),
                share(one["starts"] / one["squares"]),
            ]
            curves = [curve(way, name) if way else None for way in found]
            cells += [
                "not measured" if seen is None else f"{share(seen[begin])}, **{share(seen[-1])}**"
                for seen in curves
            ]
            lines.append(f"| {task} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(results: Mapping[str, Any], known: Known, path: Path) -> None:
    """A row for each task and what is looked at: the curves, and a map for each way."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = [
        (task, name, squares)
        for task, places in known.items()
        if results.get(task)
        for name, squares in places.items()
    ]
    with rc_context(RC):
        figure = Figure(figsize=(14, 3.1 * len(rows)), layout="constrained")
        grid = figure.subplots(
            len(rows), 1 + len(LOOKS), squeeze=False, width_ratios=[1.25, *[1] * len(LOOKS)]
        )
        for (task, name, squares), axes in zip(rows, grid, strict=True):
            for (way, (colour, dash)), chart in zip(LOOKS.items(), axes[1:], strict=True):
                if not (found := results[task].get(way)):
                    chart.set_axis_off()
                    continue
                steps, seen = (
                    np.linspace(0, found["steps"], found["episodes"] + 1),
                    curve(found, name),
                )
                axes[0].plot(steps / 1000, 100 * seen, dash, color=colour, linewidth=2, label=way)
                image = draw_map(chart, found, name, squares)
                chart.set_title(f"{way}: {share(seen[-1])} %", color=colour)
            axes[0].axvline(steps[results["settings"]["random"]] / 1000, color=GREEN, linestyle=":")
            axes[0].set(
                title=f"{task}, {name}",
                xlabel="control steps [thousands]",
                ylabel="squares visited [%]",
                ylim=(0, None),
            )
            axes[1].set_ylabel("y [m]")
            figure.colorbar(image, ax=axes[-1], label="first visit [thousand steps]")
        figure.legend(
            *grid[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=len(LOOKS)
        )
        save(figure, path)


def draw_map(axes: Axes, found: Mapping[str, Any], name: str, squares: Squares) -> AxesImage:
    """When each square was first visited."""
    first, (x, y), shape = (
        np.array(found["places"][name]["first"]),
        squares.low,
        squares.inside.shape,
    )
    extent = (x, x + shape[0] * squares.side, y, y + shape[1] * squares.side)
    walls = np.ma.masked_where(squares.inside, np.ones(shape))
    axes.imshow(walls.T, origin="lower", extent=extent, cmap="Greys", vmin=0, vmax=2)
    axes.set_xlabel("x [m]")
    axes.grid(False)
    axes.spines[:].set_visible(True)
    thousands = (
        found["steps"] / found["episodes"] * np.ma.masked_equal(first, found["episodes"]) / 1000
    )
    return axes.imshow(
        thousands.T,
        origin="lower",
        extent=extent,
        cmap="viridis",
        vmin=0,
        vmax=found["steps"] / 1000,
    )


def write_page(results: Mapping[str, Any], known: Known, out: Path) -> None:
    """`coverage.md` and `coverage.png`."""
    parts = [
        HEAD,
        table(results, known),
        HOW.format(**results["settings"]),
        on(results["settings"]),
    ]
    replace(out / "coverage.md", ("\n".join(parts) + "\n").encode())
    draw(results, known, out / "coverage.png")
