"""What the measurements share."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import running


def test_a_clock_goes_on_from_what_it_had_counted_and_keeps_what_it_has_when_the_work_breaks_off(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "seconds.txt"
    with running.clock(path):
        pass
    assert running.noted(path) >= 0
    path.write_text("100.0\n")
    with pytest.raises(ValueError, match="broken off"), running.clock(path):
        raise ValueError("broken off")
    assert running.noted(path) >= 100


def test_a_clock_notes_the_time_while_it_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BEAT", 0.001)
    path = tmp_path / "seconds.txt"
    with running.clock(path):
        while not path.exists():
            pass


def test_names_are_picked_by_any_of_theirs_in_the_listed_order_and_unknown_ones_answered() -> None:
    known = {"a-0": ("a", "all"), "b-0": ("b", "all"), "b-1": ("b", "all")}
    assert running.pick([], known, "row") == ["a-0", "b-0", "b-1"]
    assert running.pick(["b-1", "a"], known, "row") == ["a-0", "b-1"]
    assert running.pick(["b"], known, "row") == ["b-0", "b-1"]
    with pytest.raises(KeyError, match="no row 'c'; there are: a-0, b-0, b-1"):
        running.pick(["a", "c"], known, "row")


@pytest.mark.parametrize(("seconds", "told"), [(5, "1 min"), (600, "10 min"), (3660, "1 h 01 min")])
def test_durations_are_for_people(seconds: float, told: str) -> None:
    assert running.minutes(seconds) == told
