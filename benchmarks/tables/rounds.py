"""What data that the agent collects itself are worth: `python -m benchmarks.tables.rounds` writes
docs/rounds.md, `… 0 3` makes two rows of it.

PointMaze large, where every episode starts in the upper left cell, so that random actions never see
the far end. Every row has equally many episodes, the last ones of the agent's own in 0 to 3 rounds,
is trained from nothing with the default budget, seed 0, and plays 100 validation pairs
(`pairs.seed=0`, never the reported ones) from anywhere to anywhere, with plans of 8 model steps. A
row that has its file in docs/rounds/ is skipped: delete it to make it anew. A killed call goes on
where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.running import latent_mpc, pick, read, tell
from benchmarks.tables.ablations_page import line, percent
from latent_mpc.agent.evaluation.results import write_json

RUNS = Path("runs/rounds")
RESULTS = Path(__file__).parents[2] / "docs" / "rounds"
KEPT = (
    "success_end",
    "success_any",
    "thirds",
    "train_seconds",
    "resumed",
    "machine",
    "versions",
    "command",
)
# in all, of a round, of the training before a round
EPISODES, OWN, UPDATES, PAIRS = 900, 200, 1000, 100
ROUNDS = (0, 1, 2, 3)
COLUMNS = (
    "rounds",
    "random episodes",
    "own episodes",
    "reached at the end",
    "near",
    "middle",
    "far third",
    "any time",
    "trained in",
)
SMALLER: tuple[str, ...] = ()  # settings for tests


def settings(rounds: int) -> list[str]:
    """Of `latent-mpc train`."""
    amounts = [
        f"collect.episodes={EPISODES - rounds * OWN}",
        f"explore.rounds={rounds}",
        f"explore.episodes={OWN}",
    ]
    where = ["task=pointmaze-large", "obs=state", "collect.start=[1,1]"]
    return [
        *where,
        *amounts,
        f"explore.steps={UPDATES}",
        "planner.horizon=8",
        f"validation_episodes={PAIRS}",
        *SMALLER,
    ]


def make_row(rounds: int) -> None:
    """Train, validate, keep; nothing where it was kept before."""
    path = RESULTS / f"{rounds}.json"
    if not path.exists():
        latent_mpc("train", *settings(rounds), f"out={RUNS / str(rounds)}")
        whole = read(RUNS / str(rounds) / "results.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {key: whole[key] for key in KEPT})


def row(rounds: int, result: dict[str, Any]) -> str:
    """A line of the table."""
    told = [str(rounds), str(EPISODES - rounds * OWN), str(rounds * OWN)]
    if not result:
        return line([*told, "not run", *[""] * (len(COLUMNS) - len(told) - 1)])
    end, thirds = result["success_end"], result["thirds"] or {}
    rates = [
        f"{percent(thirds[part]['rate'])} %" if part in thirds else ""
        for part in ("near", "middle", "far")
    ]
    reached = f"**{percent(end['rate'])} %** ({percent(end['low'])} to {percent(end['high'])})"
    took = f"{'at least ' if result['resumed'] else ''}{result['train_seconds'] / 60:.0f} min"
    return line([*told, reached, *rates, f"{percent(result['success_any']['rate'])} %", took])


def page(found: dict[int, dict[str, Any]]) -> str:
    """Markdown."""
    words = settings(ROUNDS[-1])
    return "\n".join(
        [
            "# Data of its own",
            "",
            (
                "Made by `python -m benchmarks.tables.rounds`. Every episode of collection starts"
                " in the upper left cell of PointMaze large;"
            ),
            (
                "the pairs, 100 of `pairs.seed=0`, lie anywhere. Rows have equally many episodes."
                " Single runs, training seed 0,"
            ),
            "Wilson intervals of 95 %.",
            "",
            line(COLUMNS),
            line("---" for _ in COLUMNS),
            *(row(rounds, result) for rounds, result in found.items()),
            "",
            f"The last row is `latent-mpc train {' '.join(words)}`.",
            "",
        ]
    )


def main(asked: Sequence[str]) -> int:
    try:
        chosen = pick(asked, {str(rounds): () for rounds in ROUNDS}, "number of rounds")
        for rounds in map(int, chosen):
            make_row(rounds)
            RESULTS.with_suffix(".md").write_text(
                page({one: read(RESULTS / f"{one}.json") for one in ROUNDS}), encoding="utf-8"
            )
    except (Exception, KeyboardInterrupt) as error:
        return tell(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
