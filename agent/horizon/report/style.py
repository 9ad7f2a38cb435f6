"""The look of the report's figures: small enough to be read on a telephone, colours told apart in
every common colour blindness.

Colours are Okabe and Ito's (2008); a marker or a dash says the same once more, for print in grey.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_mpc.envs.files import replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, SKY, GREEN, ORANGE, RED, PURPLE, GREY = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#6b7280",
)
SIZE = (5.6, 3.7)  # [inches]
DPI = 160  # of the png
RC: Any = {  # matplotlib's stubs want its own type of keys
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.hashsalt": "latent-mpc",  # ids that do not change from run to run
}


def begin(size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """An empty figure in the house look; call it within `rc_context(RC)`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot()


def horizon_axis(axes: Axes, horizons: Sequence[int], seconds: float) -> None:
    """Horizons on x, in model steps below and in seconds above; equal distances mean equal
    ratios.
    """
    axes.set_xscale("log", base=2)
    axes.set_xticks(horizons, [str(horizon) for horizon in horizons])
    axes.minorticks_off()
    axes.set_xlabel("horizon [model steps]")
    above = axes.secondary_xaxis("top")
    above.set_xticks(horizons, [f"{horizon * seconds:.2g}" for horizon in horizons])
    above.minorticks_off()
    above.set_xlabel("the same in seconds", color=GREY)
    above.tick_params(colors=GREY)
    above.spines["top"].set_visible(False)


def plain_log(axes: Axes, which: str) -> None:
    """A logarithmic axis, "x" or "y", with few ticks and plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def percent_axis(axes: Axes, label: str) -> None:
    """Rates on y, all of 0 to 100 %."""
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
    axes.set_ylabel(label)


def bars(rates: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """Lengths of interval bars below and above the rates, for `errorbar`."""
    return [
        [max(0.0, r["rate"] - r["low"]) for r in rates],
        [max(0.0, r["high"] - r["rate"]) for r in rates],
    ]


def save(figure: Figure, path: Path) -> str:
    """Write `path` (png) and return the figure as a data URI (svg)."""
    picture = io.BytesIO()
    figure.savefig(picture, dpi=DPI, format="png", metadata={"Software": None})
    replace(path, picture.getvalue())
    drawing = io.BytesIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    return data_uri("image/svg+xml", drawing.getvalue())


def data_uri(kind: str, content: bytes) -> str:
    """A file as an address that needs no file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
