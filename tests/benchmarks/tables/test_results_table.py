"""The results tables from synthetic results: several seeds, failed and missing ones, files from
before there were thirds.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml

from latent_mpc.agent.evaluation.statistics import rate, thirds, wilson

ROOT = Path(__file__).parents[3]


@pytest.fixture
def results_table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with one row of three seeds."""
    spec = importlib.util.spec_from_file_location(
        "results_table", ROOT / "benchmarks" / "tables" / "results_table.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(
        module, "ROWS", [{"task": "maze", "obs": "state", "seeds": [0, 1, 2], "minutes": 1}]
    )
    return module


def result(seed: int, failures: int, count: int = 100) -> dict[str, Any]:
    """A whole results.json in which the farthest `failures` pairs were not reached."""
    success = np.arange(count) >= failures
    floor = {"rate": 0.04, "low": 0.0, "high": 0.1}
    return {
        **{
            "task": "maze",
            "obs": "state",
            "success_end": rate(success),
            "success_any": rate(np.ones(count, bool)),
        },
        **{
            "outcomes": {"end": [int(one) for one in success]},
            "thirds": thirds(success, -np.arange(count) * 1.0),
        },
        **{
            "floors": {"random": floor, "stay": {**floor, "rate": 0.0}},
            "oracle": {"success_end": {**floor, "rate": 0.99}},
        },
        **{
            "same_trajectory": {"success_end": {**floor, "rate": 0.9 + seed / 100}},
            "plan_ms": {"median": 8.0 + seed, "p95": 9.0},
        },
        **{"training": {"seconds": 60.0 * (seed + 3)}, "checkpoint": {"seed": seed}},
    }


def cells(module: ModuleType, folder: Path, *results: dict[str, Any]) -> dict[str, str]:
    """The only row of the table, by column."""
    for one in results:
        (folder / f"maze-state-seed{one['checkpoint']['seed']}.json").write_text(json.dumps(one))
    head, _, row = module.table(folder).splitlines()
    return dict(
        zip(
            *([cell.strip() for cell in line.strip("|").split("|")] for line in (head, row)),
            strict=True,
        )
    )


def test_every_seed_is_seen_and_one_interval_is_for_all(
    results_table: ModuleType, tmp_path: Path
) -> None:
    row = cells(results_table, tmp_path, result(0, 0), result(1, 3), result(2, 40))
    low, high = results_table.over_seeds(
        np.stack([np.arange(100) >= failures for failures in (0, 3, 40)])
    )
    assert row == {
        "task": "maze",
        "sees": "state",
        "reached at the end": f"**100 / 97 / 60 %** ({100 * low:.0f} to {100 * high:.0f})",
        "far third": "100 / 91 / 0 %",  # of 33, 3 and all were missed
        "any time": "100 / 100 / 100 %",
        "random / still": "4 / 0 %",
        "oracle": "99 %",
        "same trajectory": "90 / 91 / 92 %",
        "one decision": "10 ms",  # the slowest seed's
        "trained in": "5 min",
        "seeds": "0, 1, 2",
    }


def test_one_seed_has_wilsons_interval_and_those_not_run_are_named(
    results_table: ModuleType, tmp_path: Path
) -> None:
    row = cells(results_table, tmp_path, result(1, 3))
    assert row["reached at the end"] == "**97 %** (92 to 99)"
    assert row["seeds"] == "1; 0, 2 not run"


def test_a_training_that_failed_has_reached_nothing(
    results_table: ModuleType, tmp_path: Path
) -> None:
    failed = {
        "task": "maze",
        "obs": "state",
        "checkpoint": {"seed": 1},
        "failed": "the latent collapsed",
    }
    row = cells(results_table, tmp_path, result(0, 0), failed, result(2, 0))
    assert row["reached at the end"] == "**100 / 0 / 100 %** (0 to 100)"
    assert (row["far third"], row["seeds"], row["one decision"]) == (
        "100 / 0 / 100 %",
        "0, 1 (failed), 2",
        "10 ms",
    )


def test_a_row_of_which_every_training_failed_says_so(
    results_table: ModuleType, tmp_path: Path
) -> None:
    failed = {
        "task": "maze",
        "obs": "state",
        "checkpoint": {"seed": 0},
        "failed": "the latent collapsed",
    }
    row = cells(results_table, tmp_path, failed)
    assert row["reached at the end"] == "**0 %** (interval not measured)"
    assert (row["oracle"], row["trained in"], row["seeds"]) == (
        "not measured",
        "not measured",
        "0 (failed); 1, 2 not run",
    )


def test_what_older_files_do_not_hold_was_not_measured(
    results_table: ModuleType, tmp_path: Path
) -> None:
    old = {**result(0, 2), "oracle": None, "checkpoint": {"seed": 0, "train_seconds": 240.0}}
    for key in ("thirds", "outcomes", "same_trajectory", "training"):
        del old[key]
    row = cells(results_table, tmp_path, old)
    assert [row[key] for key in ("far third", "oracle", "same trajectory")] == ["not measured"] * 3
    assert (row["reached at the end"], row["trained in"]) == ("**98 %** (93 to 99)", "4 min")
    row = cells(results_table, tmp_path, result(1, 0))
    assert row["reached at the end"] == "**98 / 100 %** (interval not measured)"
    assert row["far third"] == "? / 100 %"


def test_only_what_stands_between_the_marks_is_replaced_and_the_readme_has_five_columns(
    results_table: ModuleType, tmp_path: Path
) -> None:
    cells(results_table, tmp_path, result(0, 0))
    readme, page = (tmp_path / name for name in ("README.md", "results.md"))
    for path in (readme, page):
        path.write_text(f"before\n{results_table.BEGIN}\nold\n{results_table.END}\nafter\n")
    for _ in range(2):
        results_table.write(readme, page, tmp_path)
        for path, columns in ((readme, results_table.FIVE), (page, results_table.COLUMNS)):
            assert path.read_text() == f"before\n{results_table.block(tmp_path, columns)}\nafter\n"
    assert readme.read_text().splitlines()[2:5] == [
        "| task | sees | reached at the end | random / still | one decision |",
        "| --- | --- | --- | --- | --- |",
        "| maze | state | **100 %** (96 to 100) | 4 / 0 % | 8 ms |",
    ]


def test_rows_are_tasks_and_observations_that_there_are_each_once() -> None:
    from latent_mpc.configs.hydra_groups import choices
    from latent_mpc.configs.names import OBS

    rows = yaml.safe_load((ROOT / "benchmarks" / "tables" / "rows.yaml").read_text())
    assert {row["task"] for row in rows} <= set(choices("task"))
    assert {row["obs"] for row in rows} <= set(OBS)
    assert len({(row["task"], row["obs"]) for row in rows}) == len(rows)
    names = {f"{row['task']}-{row['obs']}-seed{seed}" for row in rows for seed in row["seeds"]}
    assert {path.stem for path in (ROOT / "docs" / "results").glob("*.json")} <= names, (
        "a file that no row shows"
    )


def test_seeds_that_all_reach_everything_have_wilsons_interval_of_all_their_plays(
    results_table: ModuleType,
) -> None:
    assert results_table.over_seeds(np.ones((3, 100), bool)) == wilson(300, 300)
    assert results_table.over_seeds(np.zeros((2, 50), bool)) == wilson(0, 100)


def test_a_seed_that_failed_widens_the_interval_down_to_nothing(results_table: ModuleType) -> None:
    """All three draws are the failed seed 1 time in 27, more often than the 2.5 % below the
    interval.
    """
    success = np.ones((3, 100), bool)
    success[1] = False
    low, high = results_table.over_seeds(success)
    assert (low, high) == (0.0, 1.0)


def test_seeds_that_fail_on_the_same_pairs_are_no_more_certain_than_one_and_seeds_that_do_not_are(
    results_table: ModuleType,
) -> None:
    """Equal rows: the variance is that of B pairs. Otherwise, with many seeds, that of S x B plays,
    twice: over seeds and over pairs.
    """
    rng, S, B = np.random.default_rng(0), 40, 200
    same = np.repeat(rng.random((1, B)) < 0.8, S, axis=0)
    low, high = results_table.over_seeds(same)
    assert high - low == pytest.approx(
        2 * 1.96 * np.sqrt(same.mean() * (1 - same.mean()) / B), rel=0.05
    )
    other = rng.random((S, B)) < 0.8
    low, high = results_table.over_seeds(other)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(3 * 0.8 * 0.2 / (S * B)), rel=0.15)
