"""docs/noise.md from the results of the cells. No training here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables.ablations_page import line, percent

COLUMNS = ("noise", "model", "reached at the end", "any time", "R² robot", "R² noise", "trained in")


def write_page(
    path: Path,
    found: Mapping[str, Mapping[str, Any]],
    cells: Mapping[str, tuple[str, str, str]],
    families: Mapping[str, str],
    episodes: int,
    spent: Sequence[str],
) -> None:
    """One table per task of which a cell has been made."""
    text = page(found, cells, families, episodes, spent)
    path.write_text(text, encoding="utf-8")


def page(
    found: Mapping[str, Mapping[str, Any]],
    cells: Mapping[str, tuple[str, str, str]],
    families: Mapping[str, str],
    episodes: int,
    spent: Sequence[str],
) -> str:
    """Markdown."""
    cpus = sorted({one["machine"]["cpu"] for one in found.values() if "machine" in one})
    lines = [
        "# Noise in pictures",
        "",
        f"Made by `make noise`, which says what is left. The families learn from the same {episodes} random episodes, with equal updates ({', '.join(f'`{one}`' for one in spent)}),",
        "from pictures in which leaves move that no action moves (`task.distractor`): drawn anew in each frame, fixed for an episode, or flying, in front of the robot and",
        "behind it, over a fifth of the picture. Training seed 0, validation pairs, plans of 3 model steps. R²: what a small network reads, on held-out episodes, from the",
        f"latent of the robot's state and of where four leaves are; 1 is all, 0 nothing. {'; '.join(cpus)}",
        "",
        "| model | settings |",
        "| --- | --- |",
        *(line([name, f"`{settings}`" if settings else ""]) for name, settings in families.items()),
    ]
    for task in dict.fromkeys(task for task, _, _ in cells.values()):
        rows = [
            row(noise, family, found[cell])
            for cell, (one, noise, family) in cells.items()
            if one == task
        ]
        if any(found[cell] for cell, (one, _, _) in cells.items() if one == task):
            lines += ["", f"## {task}", "", line(COLUMNS), line("---" for _ in COLUMNS), *rows]
    return "\n".join(lines) + "\n"


def row(noise: str, family: str, result: Mapping[str, Any]) -> str:
    """One cell's line."""
    if not result or "failed" in result:
        why = f"its training failed: {result['failed'].partition(';')[0]}" if result else "not run"
        return line([noise, family, why, *[""] * (len(COLUMNS) - 3)])
    end, read = result["success_end"], result["r_squared"]
    return line(
        [
            noise,
            family,
            f"**{percent(end['rate'])} %** ({percent(end['low'])} to {percent(end['high'])})",
            f"{percent(result['success_any']['rate'])} %",
            f"{read['robot']:.2f}",
            f"{read['noise']:.2f}" if "noise" in read else "",
            f"{'at least ' if result['resumed'] else ''}{result['train_seconds']:.0f} s",
        ]
    )
