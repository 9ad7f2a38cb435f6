"""`make results` with one tiny row: made from nothing, skipped when it is there, made anew from an
older file, failures kept.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tables import results
from benchmarks.tables.results import PARTS, Row, estimate, make_all

TINY = (
    *(
        "collect.episodes=6",
        "collect.workers=1",
        "model.hidden=16",
        "model.latent=8",
        "model.embedding=8",
        "validation_episodes=1",
    ),
    *(
        "training.steps=4",
        "training.batch=8",
        "cost_to_go.hidden=16",
        "cost_to_go.metric=8",
        "cost_to_go.steps=4",
        "probe.steps=2",
        "cost_to_go.batch=16",
    ),
    *("planner.samples=8", "planner.iterations=1", "planner.elites=4", "planner.horizon=2"),
)
PLAYED = ("episodes=3", "pairs.seed=100", "pairs.offset=5")


@pytest.fixture
def row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Row:
    monkeypatch.setattr(sys, "argv", [])  # is written
    monkeypatch.chdir(tmp_path)  # where runs/ comes to be
    (tmp_path / "results").mkdir()
    return Row("reacher", "state", 3, 12, results=tmp_path / "results", train=TINY, evaluate=PLAYED)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


@pytest.mark.slow
def test_a_row_is_made_from_nothing_once_with_all_that_its_file_must_say(
    row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[bool] = []
    assert make_all(["reacher-state"], [row], lambda: written.append(row.finished)) == []
    assert written == [True], "the table is written when the row is there"
    said = capsys.readouterr().out
    assert "left: 1, about 12 min" in said
    assert "nothing is left to do" in said
    told = read(row.path)
    assert set(PARTS) <= told.keys()
    assert (told["task"], told["obs"], told["checkpoint"]["seed"], told["pairs"]["kind"]) == (
        "reacher",
        "state",
        3,
        "independent",
    )
    assert told["command"].startswith(
        "latent-mpc evaluate checkpoint=runs/results/reacher-state-seed3 episodes=3 pairs.seed=100"
    )
    assert told["oracle"]["success_end"]["rate"] >= 0
    same = told["same_trajectory"]
    assert (same["pairs"]["kind"], same["pairs"]["seed"]) == ("same_trajectory", 100)
    assert "pairs.kind=same_trajectory" in same["command"]
    trained = told["training"]
    assert trained["command"].startswith("latent-mpc train task=reacher obs=state seed=3")
    assert trained["seconds"] == read(row.folder / "results.json")["train_seconds"]
    assert trained["machine"].keys() == {"cpu", "cores", "threads", "device"}
    assert (trained["resumed"], trained["versions"]) == (False, told["versions"])

    before = row.path.stat().st_mtime_ns
    assert make_all([], [row], lambda: written.append(False)) == []
    assert "$ latent-mpc" not in capsys.readouterr().out
    assert row.path.stat().st_mtime_ns == before
    other = dataclasses.replace(row, seed=4)
    assert estimate(other, [row, other]) == trained["seconds"] + trained["evaluation_seconds"]
    assert estimate(dataclasses.replace(row, obs="pixels"), [row, other]) == 12 * 60

    older = {key: value for key, value in told.items() if key != "thirds"}
    row.path.write_text(json.dumps(older))
    assert not row.finished
    assert make_all([], [row], lambda: None) == []  # the training is not repeated, the pairs are
    assert "was finished before" in capsys.readouterr().out
    again = read(row.path)
    assert again["thirds"] == told["thirds"]
    assert again["training"]["seconds"] == trained["seconds"]


@pytest.mark.slow
def test_a_training_that_was_killed_counts_all_its_calls(row: Row) -> None:
    """As it stands after a kill: the world model's state, and 1000 s noted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latent_mpc.agent.heads.cost_to_go.fit_cost_to_go", stop)
        assert make_all([], [row], lambda: None) == [row.name]
    (row.folder / "seconds.txt").write_text("1000.0\n")
    assert make_all([], [row], lambda: None) == []
    trained = read(row.path)["training"]
    assert trained["resumed"]
    assert trained["seconds"] >= 1000


def stop(*_: object) -> None:
    raise OSError("No space left on device: stopped in the middle")


@pytest.mark.slow
def test_a_training_that_fails_is_kept_as_a_failure_others_go_on_and_it_is_tried_again(
    row: Row, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = dataclasses.replace(row, train=(*TINY, "training.learning_rate=1e30"))
    good = dataclasses.replace(row, seed=4)
    assert make_all([], [bad, good], lambda: None) == [bad.name]
    told = read(bad.path)
    assert told.keys() == {"task", "obs", "checkpoint", "failed"}
    assert (told["checkpoint"]["seed"], "the loss is" in told["failed"]) == (3, True)
    assert good.finished
    assert not bad.finished


def test_an_unknown_row_is_answered_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert results.main(["reacher-stat"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(
        "benchmarks: no row 'reacher-stat'; there are: reacher-state-seed0, reacher-state-seed1, "
    )
    assert err.count("\n") == 1
