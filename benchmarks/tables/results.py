"""Makes the rows of the README's results table: `make results`, or some: `make results
ROWS="reacher-state pointmaze-wall-state-seed0"`.

For every row of benchmarks/tables/rows.yaml and each of its training seeds: trains from nothing
into runs/results/, plays the reported pairs (`pairs.seed=7`) with the oracle beside, plays the
same-trajectory pairs (not where an object counts, which random episodes hardly move), keeps what
was found in docs/results/, writes the table anew. A row that has its file is skipped: delete the
file, and the run's folder to train again. A killed training goes on where it was.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.running import clock, latent_mpc, noted, pick, read, tell, tell_left
from latent_mpc.agent.evaluation.results import write_json
from latent_mpc.envs.registry import make

ROOT = Path(__file__).parents[2]
PAIRS = ("episodes=100", "pairs.seed=7")
# without which a file is not finished: older ones are made anew
PARTS = ("outcomes", "thirds", "machine", "training", "same_trajectory")
# what is kept of the same-trajectory result
SHORT = ("success_end", "success_any", "thirds", "floors", "pairs", "command")


@dataclass(frozen=True)
class Row:
    """One training seed of a row, and where its parts lie."""

    task: str
    obs: str
    seed: int
    minutes: float  # [min] a guess
    runs: Path = Path("runs/results")
    results: Path = ROOT / "docs" / "results"
    # settings beyond the defaults: none but in tests
    train: Sequence[str] = field(default=(), kw_only=True)
    evaluate: Sequence[str] = field(default=PAIRS, kw_only=True)

    @property
    def name(self) -> str:
        return f"{self.task}-{self.obs}-seed{self.seed}"

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    @property
    def path(self) -> Path:
        return self.results / f"{self.name}.json"

    @property
    def finished(self) -> bool:
        """Whether its file holds all parts."""
        return set(PARTS) <= read(self.path).keys()


def rows(path: Path = Path(__file__).parent / "rows.yaml") -> list[Row]:
    """Every training seed of every row."""
    listed = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Row(one["task"], one["obs"], seed, one["minutes"])
        for one in listed
        for seed in one["seeds"]
    ]


def make_row(row: Row) -> dict[str, Any]:
    """Train, evaluate, keep. A training that fails leaves a file that says so, and is tried again
    by the next call.
    """
    folder, counted = row.folder, row.folder / "seconds.txt"
    try:
        with clock(counted):
            latent_mpc(
                "train",
                f"task={row.task}",
                f"obs={row.obs}",
                f"seed={row.seed}",
                *row.train,
                f"out={folder}",
            )
    except RuntimeError as error:  # the latent collapsed, the loss is not finite
        failed = {
            "task": row.task,
            "obs": row.obs,
            "checkpoint": {"seed": row.seed},
            "failed": str(error),
        }
        write_json(row.path, failed)
        raise
    trained = read(folder / "results.json")
    seconds = noted(counted) if trained["resumed"] else trained["train_seconds"]
    # its cost sees beyond: one for all of a task
    task = make(row.task)
    oracle = (f"oracle={str(task.has_steps_to_go).lower()}", "oracle_horizon=3")
    others = row.runs.glob(f"{row.task}-*/independent/cache")  # so that it is played once
    reuse = f"reuse=[{','.join(str(cache.parent) for cache in sorted(others))}]"
    with clock(folder / "evaluation.txt"):
        latent_mpc(
            "evaluate",
            f"checkpoint={folder}",
            *row.evaluate,
            *oracle,
            reuse,
            f"out={folder / 'independent'}",
        )
        result = read(folder / "independent" / "results.json")
        result["same_trajectory"] = None
        if not task.pushes:
            along = ("pairs.kind=same_trajectory", f"out={folder / 'same_trajectory'}")
            latent_mpc("evaluate", f"checkpoint={folder}", *row.evaluate, *along)
            same = read(folder / "same_trajectory" / "results.json")
            result["same_trajectory"] = {key: same[key] for key in SHORT}
    told = {
        "seconds": seconds,
        "evaluation_seconds": noted(folder / "evaluation.txt"),
        "resumed": trained["resumed"],
    }
    result["training"] = {
        **told,
        **{key: trained[key] for key in ("command", "machine", "versions")},
    }
    write_json(row.path, result)
    return result


def estimate(row: Row, others: Sequence[Row]) -> float:
    """Seconds that a row will take: as a finished one of the same task and observation took, else
    the guess.
    """
    for other in others:
        if (other.task, other.obs) == (row.task, row.obs) and other.finished:
            training = read(other.path)["training"]
            return training["seconds"] + training["evaluation_seconds"]
    return 60 * row.minutes


def make_all(asked: Sequence[str], every: Sequence[Row], after: Callable[[], None]) -> list[str]:
    """Make the rows asked for that are not finished; `after` each of them. Returns the names of
    those that failed.
    """
    names = pick(asked, {row.name: (row.task, f"{row.task}-{row.obs}") for row in every}, "row")
    todo, failed = [row for row in every if row.name in names and not row.finished], []
    for i, row in enumerate(todo):
        tell_left({one.name: estimate(one, every) for one in todo[i:]})
        try:
            make_row(row)
        except Exception as error:
            tell(error)
            failed.append(row.name)
        after()
    tell_left({})
    return failed


def main(asked: Sequence[str]) -> int:
    try:
        failed = make_all(asked, rows(), write_table)
    except (Exception, KeyboardInterrupt) as error:
        return tell(error)
    if failed:
        print(f"not made: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def write_table() -> None:
    """The README's table, from the files in docs/results."""
    subprocess.run([sys.executable, "-m", "benchmarks.tables.results_table"], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
