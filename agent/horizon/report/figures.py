"""The report's figures of success and of time, from the sections of horizon.json. Each takes data
and gives a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latent_mpc.agent.evaluation.statistics import THIRDS
from latent_mpc.agent.horizon.report.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    bars,
    begin,
    horizon_axis,
    percent_axis,
    plain_log,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Outcome = Mapping[str, Any]
FLOORS = {"random": "random actions", "stay": "standing still", "hold": "the goal's command"}
LINES = {"random": "-.", "stay": ":", "hold": "--"}
LOOKS = {  # role -> (colour, marker, name in legends)
    "horizon": (BLUE, "o", "agent, at the end"),
    "cem": (ORANGE, "s", "CEM, equal evaluations"),
    "oracle": (GREEN, "D", "oracle (exact model and cost)"),
    "replan": (PURPLE, "v", "planning every 2 or 4 steps"),
    "samples": (SKY, "P", "fewer or more samples"),
    "cost": (RED, "X", "another cost"),
}


def draw_success(
    outcomes: Sequence[Outcome],
    floors: Mapping[str, Mapping[str, float]],
    seconds: float,
    chosen: int,
) -> Figure:
    """Success at the end and at any time against the horizon, the oracle, CEM and the floors beside
    it; the advised horizon marked.
    """
    figure, axes = begin((5.6, 4.2))
    for role in ("horizon", "cem", "oracle"):
        rows = [row for row in outcomes if row["role"] == role]
        if not rows:
            continue
        colour, marker, label = LOOKS[role]
        rates = [row["success_end"] for row in rows]
        # so that bars do not cover one another
        shift = {"horizon": 1.0, "cem": 0.97, "oracle": 1.03}[role]
        at, width = [row["horizon"] * shift for row in rows], 2 if role == "horizon" else 1
        axes.errorbar(
            at,
            [r["rate"] for r in rates],
            bars(rates),
            label=label,
            marker=marker,
            color=colour,
            capsize=3,
            markersize=6,
            linewidth=width,
        )
        if role == "horizon":
            ever = [row["success_any"]["rate"] for row in rows]
            axes.plot(
                [row["horizon"] for row in rows],
                ever,
                color=SKY,
                linestyle="--",
                linewidth=1.5,
                label="agent, at any time",
            )
    for name, rate in floors.items():
        axes.axhline(
            rate["rate"],
            color=GREY,
            linewidth=1,
            linestyle=LINES[name],
            label=f"floor: {FLOORS[name]}",
        )
    axes.axvspan(chosen / 1.13, chosen * 1.13, color=BLUE, alpha=0.12, linewidth=0)
    percent_axis(axes, "goals reached [%]")
    horizon_axis(axes, sorted({row["horizon"] for row in outcomes}), seconds)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(
        range(len(labels)),
        key=lambda i: ("floor" in labels[i], "agent" not in labels[i], "any" in labels[i]),
    )
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order], loc="outside lower center", ncols=2
    )
    return figure


def draw_thirds(outcomes: Sequence[Outcome], away: Mapping[str, float], seconds: float) -> Figure:
    """Success at the end against the horizon, for near, middle and far goals."""
    figure, axes = begin()
    rows = [row for row in outcomes if row["role"] == "horizon"]
    for name, colour, marker in zip(THIRDS, (SKY, BLUE, PURPLE), ("o", "s", "D"), strict=True):
        some = [row for row in rows if name in row["thirds"]]
        if some:
            rates = [row["thirds"][name] for row in some]
            label = f"{name} goals, {away[name]:.0f} steps away (median)"
            axes.errorbar(
                [row["horizon"] for row in some],
                [r["rate"] for r in rates],
                bars(rates),
                color=colour,
                marker=marker,
                capsize=3,
                label=label,
            )
    percent_axis(axes, "goals reached at the end [%]")
    horizon_axis(axes, [row["horizon"] for row in rows], seconds)
    figure.legend(loc="outside lower center")
    return figure


def draw_times(grid: Sequence[Outcome], seconds: float) -> Figure:
    """Time of one decision against the horizon, a line for each number of samples; medians with the
    95th percentile above.
    """
    figure, axes = begin()
    samples = sorted({row["samples"] or 0 for row in grid})
    for count, colour, marker in zip(
        samples, (SKY, BLUE, PURPLE, RED), ("o", "s", "D", "v"), strict=False
    ):
        rows = sorted(
            (row for row in grid if (row["samples"] or 0) == count), key=lambda row: row["horizon"]
        )
        medians = [row["ms"]["median"] for row in rows]
        above = [max(0.0, row["ms"]["p95"] - row["ms"]["median"]) for row in rows]
        label = f"{count} samples, {rows[0]['evaluations']} evaluations"
        at, bar = [row["horizon"] for row in rows], [[0.0] * len(rows), above]
        axes.errorbar(at, medians, bar, color=colour, marker=marker, capsize=3, label=label)
    plain_log(axes, "y")
    axes.set_ylabel("one decision [ms]")
    horizon_axis(axes, sorted({row["horizon"] for row in grid}), seconds)
    figure.legend(loc="outside lower center")
    return figure


def draw_pareto(
    candidates: Sequence[Outcome], times: Mapping[str, float], front: Sequence[str]
) -> Figure:
    """Success against the time spent planning for one model step; the settings that nothing beats
    are joined and named.
    """
    figure, axes = begin((5.6, 4.2))
    for role, (colour, marker, label) in LOOKS.items():
        rows = [row for row in candidates if row["role"] == role]
        if rows:
            at = [times[row["label"]] for row in rows], [row["success_end"]["rate"] for row in rows]
            axes.scatter(
                *at,
                color=colour,
                marker=marker,
                s=42,
                zorder=3,
                label=label.removesuffix(", at the end"),
            )
    best = sorted(
        (times[row["label"]], row["success_end"]["rate"], row["label"])
        for row in candidates
        if row["label"] in front
    )
    axes.step(
        [x for x, _, _ in best],
        [y for _, y, _ in best],
        where="post",
        color=GREY,
        linewidth=1,
        zorder=1,
        label="nothing beats these",
    )
    for i, (x, y, label) in enumerate(best):
        axes.annotate(
            label, (x, y), xytext=(6, -14 - 11 * (i % 2)), textcoords="offset points", fontsize=8.5
        )
    plain_log(axes, "x")
    axes.set_xlabel("planning for one model step [ms]")
    percent_axis(axes, "goals reached at the end [%]")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
