"""A session with a page at an address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import viser

from latent_mpc.agent.cli.live.door import Door, require_host
from latent_mpc.agent.cli.live.page import Page
from latent_mpc.agent.cli.live.session import Session
from latent_mpc.envs.task import Task


class Served(NamedTuple):
    """What is there while it is served."""

    address: str
    page: Page
    door: Door


@contextmanager
def serve(
    session: Session,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str = "",
    folder: Path = Path("runs/play"),
    command: Callable[[], str] = lambda: "",
    make_task: Callable[[], Task] | None = None,
) -> Iterator[Served]:
    """Play in a thread of its own and open the door; `page.run()` draws.

    Args:
        port: to listen on, or the next that is free; 0 = any.
        token: that the address must hold; "" where only this machine can reach it.
        folder, command, make_task: as of `Page`.

    Raises ValueError for a host that one cannot listen on.
    """
    require_host(host)
    door = Door(host, token)
    obs = "+".join(session.parts.config["spaces"])
    title = f"{session.task.name} from {obs}"
    with quiet(), door.guarding():
        server = viser.ViserServer(host, port, verbose=False)
    try:
        page = Page(session, server, title, folder, command, make_task or (lambda: session.task))
        session.start()
        shown = f"[{host}]" if ":" in host else host
        yield Served(f"http://{shown}:{server.get_port()}/{token}", page, door)
    finally:
        session.stop()
        with quiet():
            server.stop()


def quiet() -> redirect_stdout[StringIO]:
    """Nothing is printed meanwhile: viser has a table of its own."""
    return redirect_stdout(StringIO())
