"""Keeping: a recording, a film of the last seconds, the command that begins the same again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from latent_mpc.agent.cli.live.recording import numbered, write_clip
from latent_mpc.agent.cli.live.snapshot import Snapshot
from latent_mpc.configs.errors import LatentMPCError

if TYPE_CHECKING:
    from latent_mpc.agent.cli.live.page import Page


def keep_panel(page: Page) -> None:
    """What is written goes below the folder `out`."""
    gui, session = page.server.gui, page.session
    record = gui.add_button("Record rollouts", hint=f"to {page.folder / 'rollouts'}")
    record.on_click(lambda event: page.ask(session.record, page.folder / "rollouts", key="record"))
    clip = gui.add_button("Save a clip", hint="the last seconds, as mp4")
    clip.on_click(lambda event: page.ask(save_clip, page, key="clip"))
    gui.add_markdown("This begins the same again:")
    command: Any = gui.add_text("command", "", multiline=True)

    def show(snapshot: Snapshot) -> None:
        recording = snapshot.recorded >= 0
        record.label = (
            f"End recording ({snapshot.recorded} steps)" if recording else "Record rollouts"
        )
        if command.value != (line := page.command()):
            command.value = line

    page.readers.append(show)


def save_clip(page: Page) -> None:
    """Write the last seconds in a thread of its own, with a simulation of its own."""
    session, moments = page.session, list(page.session.history)
    if len(moments) < 2:
        raise LatentMPCError("nothing has moved yet; there is nothing to save")
    goal = session.goal.copy()

    def work() -> None:
        try:
            path = write_clip(
                numbered(page.folder, "clip", ".mp4"),
                page.make_task(),
                [moment.after for moment in moments],
                [moment.path for moment in moments[1:]],
                goal,
                page.title,
            )
        except (LatentMPCError, OSError) as error:
            session.notices.append(str(error))
            return
        session.notices.append(f"wrote {path}")
        send(page, path)

    threading.Thread(target=work, name="clip", daemon=True).start()


def send(page: Page, path: Any) -> None:
    """Offer a file to visitors: they may sit elsewhere."""
    page.server.send_file_download(path.name, path.read_bytes())
