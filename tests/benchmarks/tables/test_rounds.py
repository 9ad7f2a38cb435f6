"""`python -m benchmarks.tables.rounds` with a tiny budget: rows of equally many episodes, picked,
resumed, written down.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.tables import rounds
from latent_mpc.agent.cli.compose import compose_config

TINY = (
    *(
        "collect.workers=1",
        "model.hidden=16",
        "model.latent=8",
        "model.embedding=8",
        "training.steps=4",
        "training.batch=8",
    ),
    *(
        "cost_to_go.hidden=16",
        "cost_to_go.metric=8",
        "cost_to_go.steps=4",
        "probe.steps=2",
        "cost_to_go.batch=16",
        "planner.horizon=3",
    ),
    *("planner.samples=8", "planner.iterations=1"),
)


def test_every_row_has_as_many_episodes() -> None:
    for number in rounds.ROUNDS:
        config = compose_config("train", rounds.settings(number))
        assert (
            config.collect.episodes + config.explore.rounds * config.explore.episodes
            == rounds.EPISODES
        )
        assert (config.explore.rounds, config.collect.start) == (number, [1, 1])


@pytest.mark.slow
def test_rows_are_picked_kept_and_written_beside_those_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [])  # is written
    for name, value in {
        "RUNS": tmp_path,
        "RESULTS": tmp_path / "rounds",
        "EPISODES": 6,
        "OWN": 2,
        "UPDATES": 4,
        "PAIRS": 3,
    }.items():
        monkeypatch.setattr(rounds, name, value)
    monkeypatch.setattr(rounds, "SMALLER", TINY)
    assert rounds.main(["1"]) == 0
    written = (tmp_path / "rounds.md").read_text()
    assert "| 0 | 6 | 0 | not run |" in written
    assert "| 1 | 4 | 2 | **" in written
    assert len(list((tmp_path / "1" / "round-0").glob("model.safetensors"))) == 1
    assert "$ latent-mpc train" in capsys.readouterr().out
    assert rounds.main(["1"]) == 0
    assert (tmp_path / "rounds.md").read_text() == written
    assert "$ latent-mpc" not in capsys.readouterr().out, "it was kept"
    assert rounds.main(["4"]) == 2
    assert "no number of rounds '4'; there are: 0, 1, 2, 3" in capsys.readouterr().err
