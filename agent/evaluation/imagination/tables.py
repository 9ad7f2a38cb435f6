"""What `imagine` says on the terminal: errors at some steps ahead, also of what was not done."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from latent_mpc.agent.evaluation.imagination import errors


def print_report(report: dict[str, Any]) -> None:
    """The errors at some steps ahead."""
    steps, pictures, place = report["futures"]["steps"], report["pictures"], report.get("place")
    table = Table(
        title=(
            f"{report['task']} from {report['obs']}: {report['futures']['pictures']} futures,"
            f" actions {report['actions']}"
        )
    )
    table.add_column("model steps ahead", justify="right")
    for name in ("imagined", "copy", "mean"):
        table.add_column(f"{name}, PSNR", justify="right")
    for name in ("imagined", "copy"):
        table.add_column(f"{name}, off by", justify="right")
    for k in errors.told(steps):
        cells = [f"{pictures[name]['psnr'][k - 1]:.1f} dB" for name in ("imagined", "copy", "mean")]
        cells += [
            f"{1000 * place[name][k - 1]:.1f} mm" if place else "-" for name in ("imagined", "copy")
        ]
        table.add_row(str(k), *cells)
    Console().print(table)
    if rows := report.get("what_if"):
        print_what_if(rows, report)
    elif report.get("asked"):
        print("no probe was fitted, so that what if has no figures: see the video")


def print_what_if(rows: list[dict[str, Any]], report: dict[str, Any]) -> None:
    """Errors for what was done and for what was not."""
    table = Table(
        title=(
            f"what if: {report['asked']}; {report['futures']['places']} counterfactuals, workspace"
            f" {report['place']['workspace']:.2f} m"
        )
    )
    for name in ("model steps ahead", "as done", "what if", "ratio", "these futures are apart"):
        table.add_column(name, justify="right")
    for row in rows:
        cells = [
            f"{1000 * row[name]:.1f} mm ({row[f'{name}_share']:.1%})"
            for name in ("factual", "counterfactual")
        ]
        table.add_row(
            str(row["steps"]), *cells, f"{row['ratio']:.2f}", f"{1000 * row['apart']:.0f} mm"
        )
    Console().print(table)
