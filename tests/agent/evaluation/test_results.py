"""The table on the terminal, of whole results and of those from before there were thirds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.agent.evaluation.results import advice, low, print_results
from latent_mpc.agent.evaluation.statistics import thirds

KEPT = sorted((Path(__file__).parents[3] / "docs" / "results").glob("*.json"))


def shown(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    print_results(result)
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_thirds_and_rank_correlation_are_shown_and_files_without_them_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    result = json.loads(KEPT[0].read_text(encoding="utf-8"))
    without = {key: value for key, value in result.items() if key not in ("thirds", "cost_to_go")}
    assert "third" not in (told := shown(without, capsys)) and "rank" not in told
    assert shown({**without, "thirds": None, "cost_to_go": None}, capsys) == told
    assert shown({**without, "cost_to_go": {"rank_correlation": None, "pairs": 2}}, capsys) == told
    by_third = {
        "by": "steps_to_go",
        "unit": "control steps",
        **(thirds(np.arange(12) >= 3, 11 - np.arange(12.0)) or {}),
    }
    told = shown(
        {**without, "thirds": by_third, "cost_to_go": {"rank_correlation": 0.8752, "pairs": 1000}},
        capsys,
    )
    assert "near third: 0.0 to 3.0 control steps 100.0% 51.0% to 100.0%" in told
    assert "far third: 8.0 to 11.0 control steps 25.0% 4.6% to 69.9%" in told
    assert "1000 pairs at rest: rank correlation 0.875" in told


def low_result(**changes):
    rates = {"success_end": {"rate": 0.2}, "success_any": {"rate": 0.7}}
    missed = {"a": {"median": 2.2, "outside": 0.8}, "b": {"median": 0.5, "outside": 0.1}}
    return {**rates, "missed": missed, **changes}


def test_where_goals_are_missed_it_is_said_which_and_that_they_were_left():
    assert advice(low_result()) == [
        "comes by and does not stay: reached at some time in 70%, at the end in 20%",
        "missed most: a (80% outside, median 2.2 tol), b (10% outside, median 0.5 tol)",
    ]
    assert advice(low_result(success_any={"rate": 0.25}, missed={})) == []
    assert advice(low_result(success_end={"rate": 0.9}, success_any={"rate": 0.95})) == []
    assert low(low_result()) and not low(low_result(success_end={"rate": 0.8}))
