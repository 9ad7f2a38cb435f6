"""Knobs of the planner and the cost, generated from their dataclasses, and the numbers with their
curves.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_mpc.agent.cli.live.settings import GROUPS, Knob, knobs, names
from latent_mpc.agent.cli.live.snapshot import Numbers, Snapshot

if TYPE_CHECKING:
    from latent_mpc.agent.cli.live.page import Page

CURVES = {  # field of Numbers -> its title and colour
    "distance": ("distance [{unit}]", "#50c878"),
    "cost": ("cost of the plan", "#ffb020"),
    "decision_ms": ("one decision [ms]", "#5fa8ff"),
    "surprise": ("surprise [std of latents]", "#ff6f91"),
}
WIDE, TALL = 260, 50  # of a curve
SEPARATOR = ";"  # between the texts of a list: they hold commas themselves


def knob_panel(page: Page) -> None:
    """A widget for each field of planner and cost; after a refusal it goes back to what holds."""
    for group in GROUPS:
        _Group(page, group)


class _Group:
    """The knobs of one group, made anew when another planner or cost is chosen."""

    def __init__(self, page: Page, group: str) -> None:
        self.page, self.group = page, group
        self.widgets: dict[str, Any] = {}
        self.shown: Mapping[str, Any] = {}
        gui, settings = page.server.gui, page.session.settings[group]
        self.folder = gui.add_folder(group, expand_by_default=group == "planner")
        with self.folder:
            self.choice: Any = gui.add_dropdown(
                "kind",
                names(group, page.session.parts.networks),
                initial_value=settings["name"],
                hint=f"{group}=NAME on the command line",
            )
        self.choice.on_update(
            page.guard(lambda event: self._turn(event, "name", self.choice.value))
        )
        self._make(settings)
        page.readers.append(self.follow)

    def follow(self, snapshot: Snapshot) -> None:
        """Show what holds, whoever set it; a value that was refused too."""
        settings = snapshot.settings[self.group]
        if settings is self.shown and not self.page.refused:
            return
        if settings["name"] != self.shown["name"]:
            self.choice.value = settings["name"]
            self._make(settings)
            return
        self.shown = settings
        for key, widget in self.widgets.items():
            if widget.value != (value := written(settings[key])):
                widget.value = value

    def _make(self, settings: Mapping[str, Any]) -> None:
        for widget in self.widgets.values():
            widget.remove()
        self.shown = settings
        with self.folder:
            self.widgets = {knob.key: self._widget(knob) for knob in knobs(self.group, settings)}

    def _widget(self, knob: Knob) -> Any:
        gui, label = self.page.server.gui, knob.key.replace("_", " ")
        value, hint = written(knob.value), knob.meaning or None
        if knob.kind is bool:
            widget: Any = gui.add_checkbox(label, value, hint=hint)
        elif knob.choices:
            widget = gui.add_dropdown(label, knob.choices, initial_value=value, hint=hint)
        elif knob.kind in (int, float):
            step = 1 if knob.kind is int else 0.001
            widget = gui.add_number(label, value, step=step, hint=hint)
        else:
            widget = gui.add_text(label, value, hint=hint)

        def turn(event: Any) -> None:
            self._turn(event, knob.key, read(knob, widget.value))

        widget.on_update(self.page.guard(turn))
        return widget

    def _turn(self, event: Any, key: str, value: Any) -> None:
        if event.client is not None:  # else the page itself shows what holds
            session = self.page.session
            self.page.ask(session.set_setting, self.group, key, value, key=(self.group, key))


def written(value: Any) -> Any:
    """A value as its widget has it."""
    return f"{SEPARATOR} ".join(value) if isinstance(value, list) else value


def read(knob: Knob, value: Any) -> Any:
    """A widget's value as the dataclass takes it."""
    if knob.kind is list:
        return [one.strip() for one in value.split(SEPARATOR) if one.strip()]
    return knob.kind(value)


def number_panel(page: Page) -> None:
    """What the last decision came to, and the curves of the last seconds."""
    gui, unit = page.server.gui, page.session.task.unit
    table, curves = gui.add_markdown(""), gui.add_html("")

    def show(snapshot: Snapshot) -> None:
        table.content = numbers_table(snapshot.numbers, unit)
        seen = list(page.session.curves)
        times = np.array([one.time for one in seen])
        curves.content = "".join(
            curve_svg(
                title.format(unit=unit),
                times,
                np.array([getattr(one, name) for one in seen], float),
                colour,
            )
            for name, (title, colour) in CURVES.items()
        )

    page.readers.append(show)


def curve_svg(title: str, times: np.ndarray, values: np.ndarray, colour: str) -> str:
    """A curve with its title, and least and greatest value beside it, as SVG; gaps where numbers
    are NaN.
    """
    known = np.isfinite(values)
    if known.sum() < 2:
        return ""
    low, high = float(values[known].min()), float(values[known].max())
    x = WIDE * (times - times[0]) / max(float(np.ptp(times)), 1e-9)
    y = TALL - 3 - (TALL - 6) * (values - low) / max(high - low, 1e-12)
    ends = np.flatnonzero(np.diff(known)) + 1
    pieces = [piece for piece in np.split(np.arange(len(values)), ends) if known[piece[0]]]
    lines = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="'
        + " ".join(f"{x[i]:.1f},{y[i]:.1f}" for i in piece)
        + '"/>'
        for piece in pieces
    )
    label = "font:12px sans-serif;fill:currentColor;opacity:.75"
    return (
        f'<svg viewBox="-10 -18 {WIDE + 76} {TALL + 24}" style="width:100%;display:block">'
        f'<text x="0" y="-5" style="{label}">{html.escape(title)}</text>'
        f'<text x="{WIDE + 6}" y="10" style="{label}">{shown(high)}</text>'
        f'<text x="{WIDE + 6}" y="{TALL}" style="{label}">{shown(low)}</text>{lines}</svg>'
    )


def numbers_table(numbers: Numbers, unit: str) -> str:
    """The numbers as Markdown."""
    rows = [
        ("distance", f"{shown(numbers.distance)} {unit}"),
        ("cost of the plan", shown(numbers.cost)),
        ("one decision", f"{shown(numbers.decision_ms)} ms"),
        ("imagined rollouts", shown(numbers.evaluations)),
        ("surprise", f"{shown(numbers.surprise)} std"),
    ]
    return "\n".join(["| | |", "| --- | ---: |", *(f"| {name} | {text} |" for name, text in rows)])


def shown(number: float, digits: int = 3) -> str:
    """A number for people; a dash where there is none."""
    return "–" if math.isnan(number) else f"{number:.{digits}g}"
