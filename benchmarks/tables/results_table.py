"""The results tables, from docs/results/<task>-<obs>-seed<k>.json: `python -m
benchmarks.tables.results_table` writes them.

Five columns go into README.md, all of them into docs/results.md. One line for the training seeds of
a task and what it sees. Each seed's rate stands there, in the order of the seeds; nothing is
averaged, and a training that failed has reached nothing. The interval behind them is one for all.
benchmarks/tables/rows.yaml names the seeds.

Shapes: B pairs, S training seeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from jaxtyping import Bool

from latent_mpc.agent.evaluation.statistics import wilson

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
README, PAGE, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md", ROOT / "docs" / "results"
ROWS: list[dict[str, Any]] = yaml.safe_load((HERE / "rows.yaml").read_text(encoding="utf-8"))
BEGIN, END = "<!-- results -->", "<!-- /results -->"
COLUMNS = (
    *("task", "sees", "reached at the end", "far third", "any time", "random / still"),
    *("oracle", "same trajectory", "one decision", "trained in", "seeds"),
)
# those of the README
FIVE = ("task", "sees", "reached at the end", "random / still", "one decision")
NONE = "not measured"
DRAWS = 10_000  # of the bootstrap: its ends then move by 0.1 % from one set of draws to another


def table(results: Path = RESULTS, columns: Sequence[str] = COLUMNS) -> str:
    """Markdown, one line per row of which a seed has been measured."""
    lines = [line(columns), line("---" for _ in columns)]
    for spec in ROWS:
        paths = {
            seed: results / f"{spec['task']}-{spec['obs']}-seed{seed}.json"
            for seed in spec["seeds"]
        }
        measured = {
            seed: json.loads(path.read_text(encoding="utf-8"))
            for seed, path in paths.items()
            if path.exists()
        }
        if measured:
            cells = dict(zip(COLUMNS, row(measured, spec["seeds"]), strict=True))
            lines.append(line(cells[column] for column in columns))
    return "\n".join(lines)


def row(measured: dict[int, dict[str, Any]], seeds: Sequence[int]) -> tuple[str, ...]:
    """All cells of a line, from the results of some of the seeds."""
    results = list(measured.values())
    trained = [result for result in results if "failed" not in result]
    return (
        results[0]["task"],
        results[0]["obs"],
        f"**{each(results, 'success_end')}** ({interval(results)})",
        each(results, "thirds", "far"),
        each(results, "success_any"),
        (
            f"{each(trained[:1], 'floors', 'random', unit='')} /"
            f" {each(trained[:1], 'floors', 'stay')}"
            if trained
            else NONE
        ),
        each([result for result in trained if result.get("oracle")][:1], "oracle", "success_end"),
        each(results, "same_trajectory", "success_end"),
        worst([result["plan_ms"]["median"] for result in trained], 1, "ms"),
        worst([training_time(result) for result in trained], 60, "min"),
        "; ".join(
            filter(
                None,
                (listed(measured), listed([s for s in seeds if s not in measured], " not run")),
            )
        ),
    )


def each(results: Sequence[dict[str, Any]], *path: str, unit: str = " %") -> str:
    """The rate at `path` of each result in percent; a failed training's is 0."""
    rates = [{"rate": 0.0} if "failed" in result else look(result, *path) for result in results]
    if not any(rates):
        return NONE
    return " / ".join(f"{100 * rate['rate']:.0f}" if rate else "?" for rate in rates) + unit


def interval(results: Sequence[dict[str, Any]]) -> str:
    """Of one seed Wilson's, of several the bootstrap's, in percent."""
    if len(results) == 1 and "failed" not in results[0]:
        low, high = results[0]["success_end"]["low"], results[0]["success_end"]["high"]
    else:
        reached = [look(result, "outcomes", "end") for result in results]
        pairs = {len(one) for one in reached if one}
        if len(pairs) != 1 or not all(
            one or "failed" in result for one, result in zip(reached, results, strict=True)
        ):
            return f"interval {NONE}"
        low, high = over_seeds(np.array([one or [0] * max(pairs) for one in reached], dtype=bool))
    return f"{100 * low:.0f} to {100 * high:.0f}"


def over_seeds(success: Bool[np.ndarray, "S B"]) -> tuple[float, float]:
    """95 % interval of the mean rate of several training seeds, by bootstrap over seeds and pairs
    at once, both with replacement.

    All seeds play the same pairs, so one draw of pairs serves them all. It is never narrower than
    Wilson's interval of S x B independent plays: a bootstrap of nothing but successes would have no
    width at all.
    """
    rng, (S, B) = np.random.default_rng(0), success.shape
    seeds, pairs = rng.integers(S, size=(DRAWS, S, 1)), rng.integers(B, size=(DRAWS, 1, B))
    low, high = np.percentile(success[seeds, pairs].mean(axis=(1, 2)), [2.5, 97.5])
    least, most = wilson(int(success.sum()), success.size)
    return min(float(low), least), max(float(high), most)


def training_time(result: dict[str, Any]) -> float | None:
    """[s] from nothing to a trained agent, validation included."""
    return look(result, "training", "seconds") or look(result, "checkpoint", "train_seconds")


def worst(values: Sequence[float | None], unit: float, name: str) -> str:
    """The slowest seed's."""
    known = [value for value in values if value is not None]
    return f"{max(known) / unit:.0f} {name}" if known else NONE


def look(result: dict[str, Any], *path: str) -> Any:
    """What stands at `path`, None if nothing does: older files lack some."""
    for key in path:
        result = (result or {}).get(key)  # type: ignore[assignment]
    return result


def listed(seeds: Sequence[int] | dict[int, dict[str, Any]], suffix: str = "") -> str:
    """Seeds, those whose training failed marked."""
    marked = [
        f"{seed} (failed)" if isinstance(seeds, dict) and "failed" in seeds[seed] else str(seed)
        for seed in seeds
    ]
    return ", ".join(marked) + suffix if marked else ""


def line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def write(readme: Path = README, page: Path = PAGE, results: Path = RESULTS) -> None:
    """Replace what stands between the two marks of both files."""
    for path, columns in ((readme, FIVE), (page, COLUMNS)):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            re.sub(f"{BEGIN}.*{END}", block(results, columns), text, flags=re.DOTALL),
            encoding="utf-8",
        )


def block(results: Path = RESULTS, columns: Sequence[str] = COLUMNS) -> str:
    """A table between its marks."""
    return f"{BEGIN}\n{table(results, columns)}\n{END}"


if __name__ == "__main__":
    write()
