"""docs/ablations.md from the results of the variants. No training here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# (task, obs) -> variant -> its results.json
Results = Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]

COLUMNS = (
    "variant",
    "settings",
    "reached at the end",
    "far third",
    "any time",
    "rank correlation",
    "one decision",
    "trained in",
)

NOTES = {  # what a table does not show
    (
        "reacher",
        "pixels",
    ): (
        "`reconstruction` was trained on another machine than the rest, beside other work, and the"
        " defaults once more with it: **88 %** (80 to 93), 100 % at any time, rank correlation"
        " 0.91, half its time."
    )
}


def write_page(
    path: Path, found: Results, variants: Mapping[str, str], spent: Sequence[str]
) -> None:
    """One table per task of which a variant has been made."""
    path.write_text(page(found, variants, spent), encoding="utf-8")


def page(found: Results, variants: Mapping[str, str], spent: Sequence[str]) -> str:
    """Markdown."""
    made = [one for results in found.values() for one in results.values() if "machine" in one]
    cpus = sorted(
        {
            f"{one['machine']['cpu']} ({one['machine']['threads']} threads,"
            f" {one['machine']['device']})"
            for one in made
        }
    )
    packages = sorted(
        {
            f"latent-mpc {one['versions']['latent-mpc']}, torch {one['versions']['torch']}"
            for one in made
        }
    )
    pairs = sorted(
        {f"{one['episodes']} pairs of `pairs.seed={one['pairs']['seed']}`" for one in made}
    )
    lines = [
        "# What each part is worth",
        "",
        (
            "Made by `make ablations`, which says what is left. Each variant is the defaults but"
            " for its settings,"
        ),
        (
            f"at a quarter of the default budget ({', '.join(f'`{one}`' for one in spent)}),"
            " training seed 0,"
        ),
        f"{' and '.join(pairs) or 'no pairs yet'}. {'; '.join(packages)}. {'; '.join(cpus)}",
        "",
        (
            "Single runs: where intervals (Wilson, 95 %) overlap widely, nothing is measurable. The"
            " rank correlation is that of the learned"
        ),
        (
            "cost-to-go with the true steps, between pairs at rest. Variants of planner and cost"
            " alone play on the defaults' training."
        ),
        (
            "Plans are 5 model steps long from states and 3 from pixels, but for the variants that"
            " say otherwise."
        ),
    ]
    for (task, obs), results in found.items():
        if any(results.values()):
            lines += ["", f"## {task} from {obs}", "", line(COLUMNS), line("---" for _ in COLUMNS)]
            lines += [row(name, variants[name], result) for name, result in results.items()]
            lines += ["", NOTES[task, obs]] if (task, obs) in NOTES else []
    return "\n".join(lines) + "\n"


def row(name: str, settings: str, result: Mapping[str, Any]) -> str:
    """One variant's line."""
    told = [name, f"`{settings}`" if settings else ""]
    if not result or "failed" in result:
        why = f"its training failed: {result['failed'].partition(';')[0]}" if result else "not run"
        return line([*told, why, *[""] * (len(COLUMNS) - 3)])
    end, thirds, guide = result["success_end"], result["thirds"], result["cost_to_go"] or {}
    correlation, seconds = guide.get("rank_correlation"), result.get("train_seconds")
    return line(
        [
            *told,
            f"**{percent(end['rate'])} %** ({percent(end['low'])} to {percent(end['high'])})",
            f"{percent(thirds['far']['rate'])} %" if thirds else "",
            f"{percent(result['success_any']['rate'])} %",
            "" if correlation is None else f"{correlation:.2f}",
            f"{result['plan_ms']['median']:.0f} ms",
            "" if seconds is None else f"{'at least ' if result['resumed'] else ''}{seconds:.0f} s",
        ]
    )


def percent(rate: float) -> str:
    return f"{100 * rate:.0f}"


def line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
