"""Driving: who acts and in which world, keys and sliders, and what the dream looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from latent_mpc.agent.cli.live.knobs import shown
from latent_mpc.agent.cli.live.session import BOTH, DREAM, SIMULATOR
from latent_mpc.agent.cli.live.snapshot import Snapshot

if TYPE_CHECKING:
    from viser._messages import HotkeyKey

    from latent_mpc.agent.cli.live.page import Page

PLANNER = "the planner"
WHO = {PLANNER: "", "you, the robot": SIMULATOR, "you, inside its dream": DREAM, "you, both": BOTH}
# hotkeys of viser's -> number of the action, way, what a button says
KEYS: dict[HotkeyKey, tuple[int, float, str]] = {
    "arrowleft": (0, -1.0, "←"),
    "arrowright": (0, 1.0, "→"),
    "arrowdown": (1, -1.0, "↓"),
    "arrowup": (1, 1.0, "↑"),
    "U": (2, -1.0, "U"),
    "O": (2, 1.0, "O"),
}
SLIDERS = 12  # numbers of an action that have one at most
HELD_HZ = 10.0  # of a button that is held
PICTURE = 256  # [pixels] of a picture's side


def drive_panel(page: Page) -> None:
    """Who drives, with what, and the dream beside the simulator."""
    gui, session = page.server.gui, page.session
    who: Any = gui.add_dropdown(
        "who drives", tuple(WHO), initial_value=PLANNER, hint="a dream begins where the robot is"
    )

    def choose(event: Any) -> None:
        if event.client is not None:
            world = WHO[who.value]
            page.ask(session.set_world if world else session.drive, world or False, key="who")
            if world == SIMULATOR:
                page.ask(session.drive, True, key="drive")

    who.on_update(page.guard(choose))
    width = session.task.action_width
    gui.add_markdown(keys_text(width))
    for key, (index, way, sign) in KEYS.items():
        if index < width:
            command = gui.add_command(f"Drive {sign}", hotkey=key, description="action")
            command.on_trigger(presser(page, index, way))
    hold_buttons(page, width)
    with gui.add_folder("Hold", expand_by_default=False):
        for index in range(min(width, SLIDERS)):
            slider = gui.add_slider(f"action {index + 1}", -1.0, 1.0, 0.05, 0.0)
            slider.on_update(page.guard(holder(page, index, slider)))
    text = gui.add_markdown("")
    empty = np.zeros((PICTURE // 2, PICTURE, 3), np.uint8)
    picture = gui.add_image(empty, label="what it sees | its dream", visible=False)

    def show(snapshot: Snapshot) -> None:
        world = snapshot.world if snapshot.driving else ""
        name = next(name for name, one in WHO.items() if one == world)
        if who.value != name:
            who.value = name
        text.content = dream_text(snapshot)

    page.readers.append(show)
    page.pictures.append(lambda snapshot: show_pictures(snapshot, picture))


def hold_buttons(page: Page, width: int) -> None:
    """Buttons that drive while they are held, for fingers."""
    for index, way, sign in KEYS.values():
        if index < min(width, 2):
            button = page.server.gui.add_button(f"{sign}  action {index + 1}, {way:+.0f}")
            button.on_hold(callback_hz=HELD_HZ)(presser(page, index, way))


def presser(page: Page, index: int, way: float) -> Callable[[Any], None]:
    """What a key or a button does."""
    return lambda event: page.press(index, way)


def holder(page: Page, index: int, slider: Any) -> Callable[[Any], None]:
    """What a slider of the action does."""

    def hold(event: Any) -> None:
        page.ask(page.session.hands.hold, index, slider.value, key=("hold", index))

    return hold


def keys_text(width: int) -> str:
    """Which keys there are."""
    first = "Arrow keys: ← → action 1" + (", ↓ ↑ action 2" if width > 1 else "")
    return first + (", U O action 3" if width > 2 else "") + ". Or hold a button."


def dream_text(snapshot: Snapshot) -> str:
    """How far the dream is, and whether it still goes with the simulator."""
    dream, error = snapshot.dream, snapshot.numbers.dream_error
    if dream is None:
        return ""
    steps = f"{dream.steps} imagined steps"
    if np.isnan(error):
        return f"{steps}, nothing simulated"
    parted = f"**parted after {dream.parted}**" if dream.parted else "still together"
    return f"{steps}: {shown(error)} m apart, {parted}"


def show_pictures(snapshot: Snapshot, handle: Any) -> None:
    """What the agent sees and what the dream decodes to, side by side; hidden where there is
    neither.
    """
    dreamt = None if snapshot.dream is None else snapshot.dream.picture
    seen = snapshot.seen if snapshot.world != DREAM else None
    shown_ones = [one for one in (seen, dreamt) if one is not None]
    if handle.visible != bool(shown_ones):
        handle.visible = bool(shown_ones)
    if shown_ones:
        handle.image = np.concatenate([_large(one) for one in shown_ones], axis=1)


def _large(picture: np.ndarray) -> np.ndarray:
    side = PICTURE // 2
    image = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
    return np.asarray(image.resize((side, side), Image.Resampling.NEAREST))
