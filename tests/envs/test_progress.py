"""Progress in a log: a plain line a minute by a clock of our own, one at the end; on a terminal a
bar.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from latent_mpc.envs import progress
from latent_mpc.envs.progress import Progress, track


class Clock:
    """A clock that moves when it is told to, and counts how often it was looked at."""

    def __init__(self) -> None:
        self.now, self.looks = 1000.0, 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


class Terminal(io.StringIO):
    """What a person sees."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "clock", made)
    return made


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """The lines since the last call; stdout must stay free."""

    def lines() -> list[str]:
        out, err = capsys.readouterr()
        assert out == ""
        assert all(line.isprintable() for line in err.splitlines()), repr(err)
        return err.splitlines()

    return lines


def test_a_line_a_minute_with_phase_step_loss_and_time_left_the_first_after_a_minute(
    clock: Clock, log: Callable[[], list[str]]
) -> None:
    with Progress("world model", 100, "steps") as shown:
        seen = []
        for step in range(100):
            clock.now += 2.5
            shown.advance(note=f"loss {step}" if step % 10 == 0 else None)
            seen += [(step + 1, line) for line in log()]
    assert seen == [
        (24, "world model: 24 of 100 steps, loss 20, 0:01:00 elapsed, 0:03:10 left"),
        (48, "world model: 48 of 100 steps, loss 40, 0:02:00 elapsed, 0:02:10 left"),
        (72, "world model: 72 of 100 steps, loss 70, 0:03:00 elapsed, 0:01:10 left"),
        (96, "world model: 96 of 100 steps, loss 90, 0:04:00 elapsed, 0:00:10 left"),
    ]
    assert log() == ["world model: 100 of 100 steps, loss 90, 0:04:10 elapsed"]


def test_the_time_left_of_a_resumed_phase_is_by_what_this_call_did(
    clock: Clock, log: Callable[[], list[str]]
) -> None:
    with Progress("fit", 1000, "steps", done=900) as shown:
        clock.now += 60
        shown.advance(20)
        assert log() == ["fit: 920 of 1000 steps, 0:01:00 elapsed, 0:04:00 left"]


def test_a_step_looks_at_the_clock_once(clock: Clock) -> None:
    with Progress("fit", 10, "steps") as shown:
        before = clock.looks
        for _ in range(10):
            shown.advance()
        assert clock.looks == before + 10


def test_work_without_a_unit_is_a_share_whose_total_and_name_may_change(
    clock: Clock, log: Callable[[], list[str]]
) -> None:
    with Progress("", 0) as shown:
        shown.total = 4e6
        clock.now += 60
        shown.rename("the oracle")
        assert log() == ["the oracle: 0%, 0:01:00 elapsed"]
        clock.now += 60
        shown.advance(1e6)
        assert log() == ["the oracle: 25%, 0:02:00 elapsed, 0:06:00 left"]


def test_nothing_is_written_where_it_is_not_shown_and_no_end_where_there_was_none(
    clock: Clock, log: Callable[[], list[str]]
) -> None:
    for _ in track(range(3), "quiet", 3, "steps", shown=False):
        clock.now += 100
    assert log() == []
    with pytest.raises(ValueError, match="stop"), Progress("broken", 3, "steps") as shown:
        shown.advance()
        raise ValueError("stop")
    assert log() == []


def test_tracked_items_are_those_given_and_count_when_they_are_done(
    clock: Clock, log: Callable[[], list[str]]
) -> None:
    seen = []
    for item in track("abc", "spelling", 3, "letters"):
        seen.append(item)
        clock.now += 40
    assert seen == ["a", "b", "c"]
    assert log() == [
        "spelling: 2 of 3 letters, 0:01:20 elapsed, 0:00:40 left",
        "spelling: 3 of 3 letters, 0:02:00 elapsed",
    ]


@pytest.mark.parametrize("setting", [{"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_a_log_stays_plain_whatever_the_environment_says_and_whatever_the_name_is(
    setting: dict[str, str],
    clock: Clock,
    log: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key, value in setting.items():
        monkeypatch.setenv(key, value)
    with Progress("collecting v[1]\x1b[31m\n[/red]", 2, "episodes") as shown:
        shown.advance(2)
    assert log() == ["collecting v[1]?[31m?[/red]: 2 of 2 episodes, 0:00:00 elapsed"]


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, kind: str) -> Terminal:
    for key in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setenv("COLUMNS", "200")
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_a_terminal_gets_a_bar_that_ends_full_with_the_name_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_a_terminal(monkeypatch, "xterm-256color")
    with Progress("collecting v[1] [/red]", 8, "episodes") as shown:
        for _ in range(8):
            shown.advance(note="3,000 frames/s")
    drawn = terminal.getvalue()
    assert "\x1b[" in drawn
    assert "collecting v[1] [/red]" in drawn
    assert "8/8" in drawn
    assert "3,000 frames/s" in drawn
    assert "elapsed" not in drawn


def test_a_terminal_that_can_do_nothing_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch, "dumb")
    with Progress("fit", 1, "steps") as shown:
        shown.advance()
    assert terminal.getvalue() == "fit: 1 of 1 steps, 0:00:00 elapsed\n"


def test_a_log_that_cannot_be_written_does_not_end_what_it_is_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    with Progress("fit", 1, "steps") as shown:
        shown.advance()
    assert shown.done == 1


def test_a_line_is_there_at_once_for_who_reads_the_file(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "log").open("w", buffering=1 << 16) as file:
        monkeypatch.setattr(sys, "stderr", file)
        with Progress("fit", 9, "steps") as shown:
            clock.now += 60
            shown.advance()
            assert (
                tmp_path / "log"
            ).read_text() == "fit: 1 of 9 steps, 0:01:00 elapsed, 0:08:00 left\n"
