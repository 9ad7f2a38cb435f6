"""What a decision did, drawn: cost, standard deviation and effective sample size per iteration. No
planner imports this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COSTS = {"best": "best so far", "elite": "elites", "mean": "mean of the feasible"}
# panels: title, unit, entries of `Plan.info` with their labels
PANELS: list[tuple[str, str, dict[str, str]]] = [
    ("cost", "cost units", COSTS),
    ("standard deviation", "action units", {"std": "mean over steps and actions"}),
    ("effective sample size", "candidates", {"effective": "1 / sum of squared weights"}),
    ("slope", "cost units per action unit", {"slope": "mean over starts, steps and actions"}),
]


def draw(info: Mapping[str, Tensor], problem: int = 0) -> Figure:
    """A figure of one problem's decision, a panel for each kind of diagnostic that its algorithm
    gives.

    Args:
        info: `Plan.info`; entries of shape `[B, I]` are drawn over the I iterations. Infinite costs
            are left out.
        problem: which of the B problems.

    Raises:
        IndexError: there is no such problem.
    """
    from matplotlib.figure import Figure

    problems = len(info["best"])
    if not 0 <= problem < problems:
        raise IndexError(f"problem must be within [0, {problems - 1}], got {problem}")
    panels = [(title, unit, lines) for title, unit, lines in PANELS if lines.keys() & info.keys()]
    figure = Figure(figsize=(4 * len(panels), 3), layout="constrained")
    for axes, (title, unit, lines) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for name in [name for name in lines if name in info]:
            values = info[name][problem].detach().cpu()
            finite = values.masked_fill(~values.isfinite(), float("nan")).tolist()
            axes.plot(range(1, len(finite) + 1), finite, marker=".", label=lines[name])
        axes.set(title=title, xlabel="iteration", ylabel=f"[{unit}]")
        axes.legend()
    figure.suptitle(_verdict(info, problem))
    return figure


def _verdict(info: Mapping[str, Tensor], problem: int) -> str:
    message = f"problem {problem}: {int(info['evaluations'][problem])} evaluations"
    if info["fell_back"][problem]:
        return message + ", nothing feasible"
    return message + (", a constraint is violated" if info["infeasible"][problem] else "")
