"""`make ablations` with a tiny budget: what is trained, what is only judged, what comes from the
cache, what the page says.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.running import pick
from benchmarks.tables import ablations
from benchmarks.tables.ablations import (
    TASKS,
    VARIANTS,
    budget,
    kept_result,
    left_over,
    make_variant,
    names,
    results,
    run_folder,
    split,
)
from benchmarks.tables.ablations_page import page
from latent_mpc.agent.cli.compose import compose_config

TINY = [
    *(
        "collect.episodes=6",
        "collect.workers=1",
        "model.hidden=16",
        "model.latent=8",
        "model.embedding=8",
        "training.steps=4",
    ),
    *(
        "training.batch=8",
        "cost_to_go.hidden=16",
        "cost_to_go.metric=8",
        "cost_to_go.steps=4",
        "probe.steps=2",
        "cost_to_go.batch=16",
    ),
]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", [])  # is written
    monkeypatch.setattr(ablations, "PAIRS", 3)
    monkeypatch.setattr(ablations, "TASKS", [("reacher", "state")])
    monkeypatch.setattr(
        ablations,
        "VARIANTS",
        {
            "defaults": "",
            "no-inverse": "model.inverse=0",
            "mppi": "planner=mppi planner.samples=8",
            "late": "seed=9",
        },
    )
    return tmp_path / "runs"


def commands(said: str) -> list[str]:
    return [line.split()[2] for line in said.splitlines() if line.startswith("$ latent-mpc")]


def test_every_variant_is_settings_that_train_takes_and_differs_from_the_defaults() -> None:
    defaults = compose_config("train", ["task=reacher"])
    for name, settings in VARIANTS.items():
        assert (compose_config("train", ["task=reacher", *settings.split()]) == defaults) == (
            name == "defaults"
        ), name


def test_what_only_pixels_or_only_states_feel_is_tried_on_them_alone() -> None:
    for task, obs in TASKS:
        compared = {name.partition("/")[2] for name in names() if name.startswith(f"{task}-{obs}/")}
        assert set(VARIANTS) - compared == (
            {"octaves", "identity"} if obs == "pixels" else {"shifts", "larger-frames", "spatial"}
        )


def test_a_quarter_of_the_budget_is_a_quarter_of_episodes_and_updates() -> None:
    whole, part = (
        compose_config("train", ["task=reacher"]),
        compose_config("train", ["task=reacher", *budget(4)]),
    )
    for amounts in (
        (whole.collect.episodes, part.collect.episodes),
        (whole.training.steps, part.training.steps),
    ):
        assert amounts[0] == 4 * amounts[1]
    assert whole.cost_to_go.steps == 4 * part.cost_to_go.steps


def test_only_settings_of_planner_and_cost_leave_the_training_as_it_is() -> None:
    assert split("cost=latent planner.horizon=1 cost_to_go.n_step=5 model.history=1") == (
        ["cost_to_go.n_step=5", "model.history=1"],
        ["cost=latent", "planner.horizon=1"],
    )


@pytest.mark.slow
def test_variants_are_made_once_and_those_of_the_planner_play_on_the_same_training(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = runs.parent / "kept"

    def make(name: str) -> dict[str, Any]:
        return make_variant("reacher", "state", name, TINY, runs, kept)

    made = {name: make(name) for name in ("defaults", "mppi", "no-inverse")}
    assert commands(capsys.readouterr().out) == [
        "train",
        "train",
        "evaluate",
        "train",
    ], "the second finds its training finished"
    assert len(list(runs.glob("*/model.safetensors"))) == 2
    assert "planner=mppi" in made["mppi"]["command"]
    for one in made.values():
        assert (one["episodes"], one["pairs"]["seed"], one["pairs"]["kind"]) == (
            3,
            0,
            "independent",
        )
    assert {name: make(name) for name in made} == made
    assert commands(capsys.readouterr().out) == []

    found = results(TINY, kept)
    whole = (made["defaults"]["train_seconds"] + made["no-inverse"]["train_seconds"]) / 2
    assert left_over(found, pick(["reacher-state"], names(), "variant")) == {
        "reacher-state/late": pytest.approx(whole)
    }
    assert left_over(found, pick(["mppi"], names(), "variant")) == {}
    first = left_over(
        results(TINY, runs / "none"), pick(["mppi", "reacher-state/late"], names(), "variant")
    )
    assert first == {"reacher-state/mppi": 120, "reacher-state/late": 240}
    told = {
        line.split(" | ")[0].strip("| "): line
        for line in page(found, ablations.VARIANTS, TINY).splitlines()
        if line.startswith("|")
    }
    end = made["mppi"]["success_end"]
    assert (
        f"| `planner=mppi planner.samples=8` | **{100 * end['rate']:.0f} %**"
        f" ({100 * end['low']:.0f} to " in told["mppi"]
    )
    assert f" {made['no-inverse']['cost_to_go']['rank_correlation']:.2f} " in told["no-inverse"]
    assert "not run" in told["late"]
    assert len({line.count("|") for line in told.values()}) == 1, "as many cells in every line"


def test_a_training_that_fails_is_told_as_that_and_tried_again(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = runs.parent / "kept"
    ablations.VARIANTS["late"] = "training.learning_rate=1e30"
    for _ in range(2):
        told = make_variant("reacher", "state", "late", TINY, runs, kept)
        assert "the loss is" in told["failed"]
    assert commands(capsys.readouterr().out) == ["train", "train"]
    text = page(results(TINY, kept), ablations.VARIANTS, TINY)
    assert "its training failed: world_model: the loss is" in text


def test_what_was_kept_of_other_settings_or_another_budget_does_not_count(runs: Path) -> None:
    ablations.VARIANTS["late"] = "training.learning_rate=1e30"
    made = make_variant("reacher", "state", "late", TINY, runs, runs)
    assert made == kept_result("reacher", "state", "late", TINY, runs) != {}
    assert kept_result("reacher", "state", "late", TINY[1:], runs) == {}
    ablations.VARIANTS["late"] = "training.learning_rate=1e31"
    assert kept_result("reacher", "state", "late", TINY, runs) == {}


def test_other_settings_budget_and_code_have_runs_of_their_own(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {
        run_folder("reacher", "state", "", TINY, runs),
        run_folder("reacher", "state", "model.history=1", TINY, runs),
        run_folder("reacher", "state", "planner=mppi", TINY, runs),
        run_folder("reacher", "state", "cost=latent", TINY, runs),
        run_folder("reacher", "state", "", TINY[1:], runs),
        run_folder("reacher", "pixels", "", TINY, runs),
    }
    monkeypatch.setattr(ablations, "_code", lambda: "changed")
    paths.add(run_folder("reacher", "state", "", TINY, runs))
    assert len(paths) == 7


def test_an_unknown_variant_is_answered_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ablations.main(["no-invers"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(
        "benchmarks: no variant 'no-invers'; there are: pointmaze-large-state/defaults, "
    )
    assert err.count("\n") == 1
