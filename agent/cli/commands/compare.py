"""Compare results on the same pairs.

Success of each, and the difference from the first, pair by pair, with its interval by bootstrap
over pairs. Takes folders or files written by evaluate or horizon (there, horizon by horizon);
refuses results of different pairs, whose difference would be luck.

Examples:
    latent-mpc compare runs/evaluate-cem runs/evaluate-mppi
    latent-mpc compare runs/horizon-reacher-pixels/horizon.json
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from latent_mpc.agent.evaluation.compare import compare, read_outcomes


def run(arguments: Sequence[str]) -> int:
    """Print one table. Raises ValueError, FileNotFoundError for what cannot be compared."""
    results = [outcomes for path in arguments for outcomes in read_outcomes(path)]
    rows = compare(results)
    numbers = ("reached at the end", "at any time", "difference [points]")
    table = Table(
        Column("result", overflow="fold"),
        *(Column(heading, justify="right") for heading in numbers),
        Column("from", overflow="fold"),
        title=f"{len(results[0].end)} pairs: {results[0].about}",
    )
    for row in rows:
        end, ever, change = row["end"], row["any"], row["difference"]
        less = (
            f"{100 * change['mean']:+.1f} ({100 * change['low']:+.1f} to"
            f" {100 * change['high']:+.1f})"
        )
        itself = row["against"] == row["name"]
        reached = f"{end['rate']:.1%} ({end['low']:.1%} to {end['high']:.1%})"
        table.add_row(
            row["name"],
            reached,
            f"{ever['rate']:.1%}",
            *(("", "") if itself else (less, row["against"])),
        )
    Console().print(table)
    return 0
