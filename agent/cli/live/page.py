"""The page: draws what a session tells and asks it for what visitors do. It owns neither task nor
agent.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import viser

from latent_mpc.agent.cli.live.drive_panel import drive_panel
from latent_mpc.agent.cli.live.keep_panel import keep_panel
from latent_mpc.agent.cli.live.knobs import knob_panel, number_panel, shown
from latent_mpc.agent.cli.live.panels import goal_panel, push_panel
from latent_mpc.agent.cli.live.scene import LENS, Scene
from latent_mpc.agent.cli.live.session import Session
from latent_mpc.agent.cli.live.snapshot import Snapshot
from latent_mpc.configs.names import SPEEDS
from latent_mpc.envs.task import Task

TABS = {
    "Touch": (goal_panel, push_panel),
    "Drive": (drive_panel,),
    "Knobs": (knob_panel,),
    "Numbers": (number_panel,),
    "Keep": (keep_panel,),
}
UPDATES = 25.0  # of the robot [1/s]
PHONE = 0.26  # of the distance: how far a view looks below the robot where the panel is below
READINGS = 3.0  # of numbers [1/s]


class Page:
    """One page for all visitors.

    Args:
        session: what it shows.
        server: viser's, with nothing on it.
        title: task and observation.
        folder: where recordings and clips go.
        command: what begins the same again, as a line to paste.
        make_task: another simulation of the same task.
    """

    def __init__(
        self,
        session: Session,
        server: viser.ViserServer,
        title: str,
        folder: Path,
        command: Callable[[], str],
        make_task: Callable[[], Task],
    ) -> None:
        self.session, self.server, self.title, self.folder = session, server, title, folder
        self.command, self.make_task = command, make_task
        self.scene = Scene(server, session.task, session.state)
        self.updates = 0  # of the robot, since the page began
        self.dropped = 0  # what widgets were told that they cannot hold
        self.refused = False  # whether something was, since the last reading
        self.readers: list[Callable[[Snapshot], None]] = []  # called at each reading
        self.pictures: list[Callable[[Snapshot], None]] = []  # called at each control step
        self._stop = threading.Event()
        self._began = self._read = 0.0
        server.get_event_loop().set_exception_handler(self._drop)
        server.on_client_connect(self._welcome)
        self._camera()
        server.gui.configure_theme(
            dark_mode=True, show_logo=False, show_share_button=False, brand_color=(255, 176, 32)
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
            if new := snapshot.began != self._began:
                self._began = snapshot.began
                dream = snapshot.dream
                place = None if dream is None or dream.state is None else dream.state
                self.scene.show("goal", self.scene.poses(snapshot.goal))
                self.scene.show("dream", None if place is None else self.scene.poses(place))
                self.scene.show_plans(snapshot.path, snapshot.others)
        for show in self.pictures if new else ():
            show(snapshot)
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
        moves.on_click(self.guard(lambda event: self.ask(self._anew, moves.value)))
        clock = gui.add_button_group("time", ["pause", "go on", "one step"])
        clock.on_click(self.guard(lambda event: self.ask(self._time, clock.value)))
        speed = gui.add_slider("speed", *SPEEDS, 0.1, session.speed, hint="times real time")
        speed.on_update(
            self.guard(lambda event: self.ask(session.set_speed, speed.value, key="speed"))
        )
        self.server.scene.on_click()(self.guard(self._clicked))
        tabs = gui.add_tab_group()
        for label, panels in TABS.items():
            with tabs.add_tab(label):
                for panel in panels:
                    panel(self)

    def ask(self, request: Callable[..., Any], *values: Any, key: object = None) -> None:
        """Have a session's method called with these values, between two of its steps."""
        self.session.submit(lambda: request(*values), key)

    def guard(self, act: Callable[[Any], None]) -> Callable[[Any], None]:
        """A callback that drops, and counts, values that no visitor of this page can have set."""

        def run(event: Any) -> None:
            try:
                act(event)
            except (KeyError, ValueError, TypeError):
                self.dropped += 1

        return run

    def press(self, index: int, way: float) -> None:
        """A key that drives one number of the action; the robot is in one's hands then."""
        self.ask(self._press, index, way, key=("press", index))

    def _press(self, index: int, way: float) -> None:
        if not self.session.driving:
            self.session.drive(True)
        self.session.hands.press(index, way)

    def _drop(self, loop: Any, context: Any) -> None:
        """What a visitor said that viser could not take."""
        self.dropped += 1

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

    def _welcome(self, client: viser.ClientHandle) -> None:
        """A window that is higher than wide stands farther away, to show as much, and has the robot
        above the panel.
        """
        camera, scene = client.camera, self.scene
        with contextlib.suppress(Exception):  # gone already
            if (wide := camera.image_width / max(camera.image_height, 1)) < 1:
                away = (scene.eye - scene.centre) / max(wide, 0.3)
                upward = np.cross(np.cross(away, (0.0, 0.0, 1.0)), away)
                upward *= PHONE * np.linalg.norm(away) / max(float(np.linalg.norm(upward)), 1e-9)
                camera.position = scene.centre + away - upward
                camera.look_at = scene.centre - upward

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
        doing = "**at the goal**" if snapshot.reached else "on its way to the green goal"
    line = f"{doing} · {shown(snapshot.numbers.distance)} {unit} to go"
    return f"{line}\n\nClick into the scene to set a goal."
