"""The page: draws what a session tells and asks it for what visitors do. It owns neither task nor
agent.
"""

from __future__ import annotations

import contextlib
import io
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import viser

from latent_mpc.agent.live.scene import Scene
from latent_mpc.agent.live.session import Session
from latent_mpc.agent.live.snapshot import Snapshot

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
        self._buttons()

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
                for notice in snapshot.notices:
                    self._notify(notice)
        self.updates += 1
        if now - self._read >= 1 / READINGS:
            self._read = now
            self._tell(snapshot)

    def _tell(self, snapshot: Snapshot) -> None:
        """The numbers and whatever shows a setting."""
        self.status.content = status(snapshot, self.session.task.unit)
        self.pause.label = "Go on" if snapshot.paused else "Pause"

    def _buttons(self) -> None:
        gui, session = self.server.gui, self.session
        self._button("New goal", lambda: session.next_pair(start=False), "another goal")
        self._button("New start", lambda: session.next_pair(goal=False), "another start")
        self.pause = self._button("Pause", lambda: session.pause(not session.paused))
        self._button("One step", session.step_once, "pause, and do one control step")
        speed = gui.add_slider("speed", 0.1, 4.0, 0.1, session.speed, hint="times real time")
        speed.on_update(
            lambda event: session.submit(lambda: session.set_speed(speed.value), "speed")
        )

    def _button(self, label: str, request: Callable[[], Any], hint: str = "") -> Any:
        button = self.server.gui.add_button(label, hint=hint or None)
        button.on_click(lambda event: self.session.submit(request))
        return button

    def _camera(self) -> None:
        camera = self.server.initial_camera
        camera.position = tuple(self.scene.eye)
        camera.look_at = tuple(self.scene.centre)

    def _notify(self, text: str) -> None:
        for client in self.server.get_clients().values():
            with contextlib.suppress(Exception):
                client.add_notification("", text, auto_close_seconds=6.0)


def status(snapshot: Snapshot, unit: str) -> str:
    """The line on top: what the robot is doing, and how far it is."""
    if snapshot.paused:
        doing = "paused"
    elif snapshot.driver == "hands":
        doing = "you drive"
    else:
        doing = "**at the goal**" if snapshot.reached else "on its way to the green ghost"
    return f"{doing} · {shown(snapshot.numbers.distance)} {unit} to go"


def shown(number: float, digits: int = 3) -> str:
    """A number for people; a dash where there is none."""
    return "–" if math.isnan(number) else f"{number:.{digits}g}"


def quiet() -> contextlib.redirect_stdout[io.StringIO]:
    """Nothing is printed meanwhile: viser has a table of its own."""
    return contextlib.redirect_stdout(io.StringIO())
