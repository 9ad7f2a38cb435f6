"""How far a long phase is: a bar on a terminal; in a pipe, a log file or a continuous build a plain
line a minute, and one at its end.

with Progress("world model", 6000, "steps") as progress:
    for step in range(6000):
        progress.advance(note="loss 0.12")
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from rich import progress as rich
from rich.console import Console

EVERY = 60.0  # [s] between two lines in a log
REDRAWN = 0.1  # [s] between two looks of the bar
clock = time.monotonic  # [s]
T = TypeVar("T")


class Progress:
    """A context manager around one phase.

    Args:
        phase: what is done, as the line begins: "collecting reacher".
        total: how much there is to do; may be set anew on the way.
        unit: of the total, in the plural: "steps"; empty = a share in percent.
        done: how much an earlier call did.
        shown: False = nothing is written.
    """

    def __init__(
        self, phase: str, total: float, unit: str = "", done: float = 0.0, *, shown: bool = True
    ) -> None:
        self.phase, self.total, self.unit, self.done, self.note = phase, total, unit, done, ""
        self.shown, self._bar = shown, _bar(unit) if shown and _on_a_terminal() else None
        self._first, self._begin, self._due = done, clock(), float("inf")

    def __enter__(self) -> Progress:
        self._begin = clock()
        if self._bar:
            self._bar.add_task("", total=self.total, note="")
            self._show(self._begin)
            self._bar.start()
        if self.shown:
            self._due = self._begin + (REDRAWN if self._bar else EVERY)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self.shown and not error:
            self._show(clock(), over=True)
        if self._bar:
            self._bar.stop()

    @property
    def elapsed(self) -> float:
        """Since the phase began [s], never zero."""
        return max(clock() - self._begin, 1e-9)

    def advance(self, amount: float = 1.0, note: str | None = None) -> None:
        """So much more is done. Looks at the clock once, and writes only when it is time.

        Args:
            note: a word on how it goes, a loss or a rate; None leaves the last one.
        """
        self.done += amount
        self.note = self.note if note is None else note
        now = clock()
        if now >= self._due:
            self._due = now + (REDRAWN if self._bar else EVERY)
            self._show(now)

    def rename(self, phase: str) -> None:
        """What is done from now on."""
        self.phase = phase
        self.advance(0.0)

    def _show(self, now: float, over: bool = False) -> None:
        if self._bar:
            task = self._bar.task_ids[0]
            self._bar.update(
                task, total=self.total, completed=self.done, description=self.phase, note=self.note
            )
            return
        # a log that cannot be written must not end what it is about
        with contextlib.suppress(OSError):
            print(_plain(self._line(now - self._begin, over)), file=sys.stderr, flush=True)

    def _line(self, elapsed: float, over: bool) -> str:
        share = f"{self.done / self.total:.0%}" if self.total else "0%"
        much = f"{self.done:.0f} of {self.total:.0f} {self.unit}" if self.unit else share
        parts = [much, self.note, f"{_time(elapsed)} elapsed"]
        if not over and self.done > self._first:
            parts.append(
                f"{_time(elapsed * (self.total - self.done) / (self.done - self._first))} left"
            )
        return f"{self.phase}: {', '.join(part for part in parts if part)}"


def track(
    items: Iterable[T], phase: str, total: int, unit: str, *, shown: bool = True
) -> Iterator[T]:
    """The items, with progress: each counts as done when the next one is asked for."""
    with Progress(phase, total, unit, shown=shown) as progress:
        for item in items:
            yield item
            progress.advance()


def _on_a_terminal() -> bool:
    """Rich would take the word of FORCE_COLOR, which continuous builds set, and fill their logs
    with control characters.
    """
    return (
        sys.stderr is not None
        and sys.stderr.isatty()
        and os.environ.get("TERM") not in ("dumb", "unknown")
    )


def _bar(unit: str) -> rich.Progress:
    text = rich.TextColumn("{task.description}", markup=False)  # a name may hold brackets
    much = (
        (rich.MofNCompleteColumn(), rich.TextColumn(unit)) if unit else (rich.TaskProgressColumn(),)
    )
    note = rich.TextColumn("{task.fields[note]}", markup=False)
    times = (rich.TimeElapsedColumn(), rich.TimeRemainingColumn())
    return rich.Progress(text, rich.BarColumn(), *much, *times, note, console=Console(stderr=True))


def _plain(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)


def _time(seconds: float) -> str:
    """`0:01:02`."""
    return str(timedelta(seconds=round(seconds)))
