"""The tables of `benchmarks.planners`, from its json: rows once, shown on the terminal or written
as markdown.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table as Shown

from benchmarks.planners.figures import Results, figures

MET = {True: "yes", False: "no", None: ""}


class Table(NamedTuple):
    title: str
    head: list[str]
    rows: list[list[str]]


def show(results: Results) -> None:
    """On the terminal."""
    console = Console()
    for table in tables(results):
        shown = Shown(title=table.title)
        for i, name in enumerate(table.head):
            shown.add_column(name, justify="right" if i else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)


def markdown(results: Results) -> str:
    """The page."""
    parts = [
        "# Planners, measured",
        (
            "Written by `python -m benchmarks.planners`; what it measures and how:"
            " [benchmarks.md](benchmarks.md)."
        ),
    ]
    parts.append(on(results["settings"]))
    for table in tables(results):
        lines = [table.head, ["---"] + ["---:"] * (len(table.head) - 1), *table.rows]
        parts += [f"## {table.title}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
    return "\n\n".join(parts) + "\n"


def on(settings: dict[str, Any]) -> str:
    """The machine, in a sentence."""
    cpu, cores, threads, torch = (settings[key] for key in ("cpu", "cores", "threads", "torch"))
    return f"Machine: {cpu}, {cores} cores, {threads} threads, torch {torch}."


def tables(results: Results) -> list[Table]:
    """Those of what was measured."""
    found = [
        Table(
            "Figures",
            ["figure", "asked", "measured", "met"],
            [[f.name, f.asked, f.measured, MET[f.met]] for f in figures(results)],
        )
    ]
    for problem, rows in results.get("quality", {}).items():
        found.append(
            grid(
                f"Closed-loop cost on the {problem}, ± standard error, by evaluations per decision",
                rows,
                cost,
            )
        )
    if "reacher" in results:
        found.append(
            grid(
                "Reacher from pixels: reached at the end, ms per decision, by evaluations per"
                " decision",
                results["reacher"],
                reached,
            )
        )
    if "time" in results:
        by_planner: dict[str, Any] = {}
        for B, cells in results["time"].items():
            for name, cell in cells.items():
                by_planner.setdefault(name, {})[B] = cell
        found.append(
            grid(
                "Milliseconds for B problems: N = 512, H = 16, 6 iterations",
                by_planner,
                lambda cell: f"{cell['median']:.1f}",
            )
        )
    if "memory" in results:
        rows = [[name, f"{cell['mib']:.0f}"] for name, cell in results["memory"].items()]
        found.append(
            Table("Peak memory of a decision: B = 100, N = 512, H = 16", ["planner", "MiB"], rows)
        )
    return found


def grid(title: str, rows: dict[str, dict[str, Any]], text: Any) -> Table:
    """Planner against budget or batch; what was not measured stays empty."""
    columns = sorted(
        {key for cells in rows.values() for key in cells},
        key=lambda key: (not key.isdigit(), int(key) if key.isdigit() else 0),
    )
    return Table(
        title,
        ["planner", *columns],
        [
            [name, *(text(cells[c]) if c in cells else "" for c in columns)]
            for name, cells in rows.items()
        ],
    )


def cost(cell: dict[str, Any]) -> str:
    return f"{cell['mean']:.1f} ± {cell['se']:.1f}"


def reached(cell: dict[str, Any]) -> str:
    return f"{cell['success_end']['rate']:.0%}, {cell['decision_ms']:.1f}"
