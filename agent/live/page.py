"""The page: draws what a session tells and asks it for what visitors do. It owns neither task nor
agent.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Callable
from typing import Any

import viser

from latent_mpc.agent.live.knobs import knob_panel, number_panel, shown
from latent_mpc.agent.live.panels import goal_panel, push_panel
from latent_mpc.agent.live.scene import LENS, Scene
from latent_mpc.agent.live.session import Session
from latent_mpc.agent.live.snapshot import Snapshot
from latent_mpc.configs.names import SPEEDS

TABS = {"Touch": (goal_panel, push_panel), "Knobs": (knob_panel,), "Numbers": (number_panel,)}
UPDATES = 30.0  # of the robot [1/s]
READINGS = 4.0  # of numbers [1/s]


class Page:
    """One page for all visitors.

    Args:
        session: what it shows.
        server: viser's, with nothing on it.
    """

    def __init__(self, session: Session, server: viser.ViserServer, title: str) -> None:
        self.session, self.server = session, server
        self.scene = Scene(server, session.task, session.state)
        self.updates = 0  # of the robot, since the page began
        self.refused = False  # whether something was, since the last reading
        self.readers: list[Callable[[Snapshot], None]] = []  # called at each reading
        self._stop = threading.Event()
        self._number = -1
        self._read = 0.0
        self._camera()
        server.gui.configure_theme(
            dark_mode=True,
            show_logo=False,
            show_share_button=False,
            control_width="medium",
            brand_color=(255, 176, 32),
        )
        server.gui.set_panel_label(title)
        self.status = server.gui.add_markdown("…")
        self._panel()

    def run(self) -> None:
        """Draw until `stop`."""
        while not self._stop.is_set():
            begin = time.perf_counter()
            if (snapshot := self.session.latest) is not None:
                self.draw(snapshot, begin)
            self._stop.wait(max(0.0, 1 / UPDATES - (time.perf_counter() - begin)))

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    def draw(self, snapshot: Snapshot, now: float) -> None:
        """One update of the robot, and of what else has changed."""
        with self.server.atomic():
            self.scene.show("robot", self.scene.between(snapshot, now))
            if snapshot.began != self._number:
                self._number = snapshot.began
                self.scene.show("goal", self.scene.poses(snapshot.goal))
                self.scene.show_plans(snapshot.path, snapshot.others)
        self.updates += 1
        if now - self._read >= 1 / READINGS:
            self._read = now
            self._tell(snapshot)

    def _tell(self, snapshot: Snapshot) -> None:
        """The numbers and whatever shows a setting."""
        while self.session.notices:
            self.refused = True
            self._notify(self.session.notices.popleft())
        self.status.content = status(snapshot, self.session.task.unit)
        for show in self.readers:
            show(snapshot)
        self.refused = False

    def _panel(self) -> None:
        gui, session = self.server.gui, self.session
        moves = gui.add_button_group("new", ["goal", "start", "both"])
        moves.on_click(lambda event: self.ask(self._anew, moves.value))
        clock = gui.add_button_group("time", ["pause", "go on", "one step"])
        clock.on_click(lambda event: self.ask(self._time, clock.value))
        speed = gui.add_slider("speed", *SPEEDS, 0.1, session.speed, hint="times real time")
        speed.on_update(lambda event: self.ask(session.set_speed, speed.value, key="speed"))
        self.server.scene.on_click()(self._clicked)
        tabs = gui.add_tab_group()
        for label, panels in TABS.items():
            with tabs.add_tab(label):
                for panel in panels:
                    panel(self)

    def ask(self, request: Callable[..., Any], *values: Any, key: object = None) -> None:
        """Have a session's method called with these values, between two of its steps."""
        self.session.submit(lambda: request(*values), key)

    def _anew(self, what: str) -> None:
        self.session.next_pair(start=what != "goal", goal=what != "start")

    def _time(self, what: str) -> None:
        if what == "one step":
            self.session.step_once()
        else:
            self.session.pause(what == "pause")

    def _clicked(self, event: viser.SceneClickEvent) -> None:
        self.ask(self.session.set_goal_on_ray, event.ray_origin, event.ray_direction, key="click")

    def _camera(self) -> None:
        camera = self.server.initial_camera
        camera.position = tuple(self.scene.eye)
        camera.look_at = tuple(self.scene.centre)
        camera.fov = LENS

    def _notify(self, text: str) -> None:
        for client in self.server.get_clients().values():
            with contextlib.suppress(Exception):
                client.add_notification("", text, auto_close_seconds=6.0)


def status(snapshot: Snapshot, unit: str) -> str:
    """The line on top: what the robot is doing, and how far it is."""
    if snapshot.paused:
        doing = "paused"
    elif snapshot.driving:
        doing = f"you drive: {snapshot.world}"
    else:
        doing = "**at the goal**" if snapshot.reached else "on its way to the green ghost"
    return f"{doing} · {shown(snapshot.numbers.distance)} {unit} to go"


def quiet() -> contextlib.redirect_stdout[io.StringIO]:
    """Nothing is printed meanwhile: viser has a table of its own."""
    return contextlib.redirect_stdout(io.StringIO())
