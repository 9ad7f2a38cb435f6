"""Compare results on the same pairs.

Each result's success beside the first one's, with the difference pair by pair and its interval by bootstrap over pairs. Takes folders
or files written by evaluate or horizon; refuses results of different pairs, since their difference would be luck.

Examples:
    latent-mpc compare runs/evaluate-cem runs/evaluate-mppi
    latent-mpc compare runs/horizon-reacher-pixels/horizon.json
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from latent_mpc.agent.compare import compare, read_outcomes


def run(arguments: Sequence[str]) -> int:
    """Print one table. Raises ValueError, FileNotFoundError for what cannot be compared."""
    results = [outcomes for path in arguments for outcomes in read_outcomes(path)]
    rows = compare(results)
    table = Table(title=f"{len(results[0].end)} pairs: {results[0].about}")
    table.add_column("result", overflow="fold")
    for heading in ("reached at the end", "at any time", "minus the first [points]"):
        table.add_column(heading, justify="right")
    for i, row in enumerate(rows):
        end, ever, change = row["end"], row["any"], row["minus_first"]
        less = f"{100 * change['mean']:+.1f} ({100 * change['low']:+.1f} to {100 * change['high']:+.1f})" if i else ""
        table.add_row(row["name"], f"{end['rate']:.1%} ({end['low']:.1%} to {end['high']:.1%})", f"{ever['rate']:.1%}", less)
    Console().print(table)
    return 0
