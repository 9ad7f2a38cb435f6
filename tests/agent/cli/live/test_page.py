"""The page in Debian's Chromium, against the running server. Under load it draws a few pictures a
second, so everything is waited for and nothing is timed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pytest
import viser
from playwright.sync_api import Browser, sync_playwright
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from latent_mpc.agent.cli.commands.play import make_session
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.cli.live.serve import Served, serve
from latent_mpc.agent.cli.live.session import Session
from tests.agent.horizon.report.browser import PROGRAM, needs_chromium

PATIENCE = 120.0  # [s]
PROTOCOL = [f"viser-v{viser.__version__}"]
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader")


def wait_for(met: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@contextmanager
def serving(token: str = "", speed: float = 1.0) -> Iterator[tuple[Session, Served]]:
    session = make_session(compose_config("play", ["checkpoint=reacher-pixels", f"speed={speed}"]))
    with serve(session, token=token) as served:
        drawing = threading.Thread(target=served.page.run, daemon=True)
        drawing.start()
        try:
            yield session, served
        finally:
            served.page.stop()
            drawing.join()


@pytest.fixture
def served() -> Iterator[tuple[Session, Served]]:
    with serving() as both:
        yield both


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        options = [*SOFTWARE, "--enable-unsafe-swiftshader"]
        yield play.chromium.launch(executable_path=PROGRAM, args=options)


def opened(browser, address):
    """A small page that has connected, what it asked for elsewhere, and its errors."""
    page, elsewhere, errors = browser.new_page(viewport={"width": 680, "height": 400}), [], []
    here = address.partition("//")[2].partition("/")[0]

    def note_request(one):
        if here not in one.url and one.url[:5] not in ("data:", "blob:"):
            elsewhere.append(one.url)

    def note_console(one):
        if one.type == "error":
            errors.append(one.text)

    page.on("request", note_request)
    page.on("console", note_console)
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.goto(address)
    page.wait_for_selector("canvas", timeout=1e3 * PATIENCE)
    return page, elsewhere, errors


@pytest.mark.slow
@needs_chromium
def test_the_page_opens_moves_and_answers(browser, served):
    session, one = served
    page, elsewhere, errors = opened(browser, one.address)
    wait_for(one.page.server.get_clients, "the page never connected")
    number, updates = session.number, one.page.updates
    wait_for(lambda: session.number > number + 3 and one.page.updates > updates + 6, "it stands")

    def click():  # left of the shoulder, on the plane of the goals
        page.mouse.click(240, 210)
        page.wait_for_timeout(300)
        return session._left is None  # a goal that somebody set stays

    wait_for(click, "no click came through")
    assert session.task.tracked_point(session.goal)[0] < -0.05
    wait_for(lambda: session.latest.reached, "the goal was never reached")

    def key():
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(100)
        return session.driving

    wait_for(key, "no key came through")
    assert (elsewhere, errors) == ([], [])
    page.close()
    number = session.number
    wait_for(lambda: session.number > number + 2, "a closed tab stopped the robot")


@pytest.mark.slow
@needs_chromium
def test_knobs_and_the_dream_answer(browser, served):
    session, one = served
    session.submit(session.pause)  # a page that draws by software has time for clicks then
    page, elsewhere, errors = opened(browser, one.address)
    tab = page.get_by_text("Knobs", exact=True).first.bounding_box(timeout=1e3 * PATIENCE)
    page.mouse.click(tab["x"] + 5, tab["y"] + 5)
    field = page.get_by_label("samples", exact=True).first
    field.wait_for(timeout=1e3 * PATIENCE)
    field.fill("32")
    wait_for(lambda: session.settings["planner"]["samples"] == 32, "the knob did nothing")

    def refused():  # a notice goes by itself, and may have gone before a slow page is asked
        field.fill("1")
        page.wait_for_timeout(500)
        return page.get_by_text("samples must be at least 2, got 1").count()

    wait_for(refused, "a wrong value was not refused")
    wait_for(lambda: field.input_value() == "32", "the refused value is still shown")
    assert session.settings["planner"]["samples"] == 32
    page.mouse.click(20, 390)  # out of the field, which takes letters
    session.submit(lambda: session.pause(False))
    session.submit(lambda: session.set_world("dream"))
    wait_for(lambda: session.dream is not None, "no dream")
    state, begun = session.state, session.dream.memory.z.clone()

    def key():
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        return not np.allclose(session.dream.memory.z, begun, atol=0.2)

    wait_for(key, "the dream stands")
    assert session.state is state
    assert (elsewhere, errors) == ([], [])
    page.close()


def test_a_thousand_malformed_messages_are_counted_and_leave_it_alive(served):
    session, one = served
    rng, before, number = np.random.default_rng(0), one.door.dropped, session.number
    forged = msgspec.msgpack.encode({"type": "GuiUpdateMessage", "uuid": "no", "x": 1})
    with connect(socket_address(one), subprotocols=PROTOCOL) as socket:
        for _ in range(500):
            socket.send(rng.bytes(int(rng.integers(1, 60))))
            socket.send(forged)
        socket.send("text")
        socket.send(msgspec.msgpack.encode({"type": "ShareUrlRequest"}))
        wait_for(lambda: one.door.dropped == before + 1002, "not all were counted")
    wait_for(lambda: session.number > number + 2, "the robot stands")


def test_values_that_widgets_cannot_hold_are_dropped(served, capfd):
    session, one = served
    number = session.number
    with connect(socket_address(one), subprotocols=PROTOCOL, max_size=None) as socket:
        for uuid in list(one.page.server.gui._gui_input_handle_from_uuid):
            for value in ("no number", 1e300, -1, True):
                update = {"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": value}}
                socket.send(msgspec.msgpack.encode(update))
        wait_for(lambda: session.number > number + 5 or session.paused, "the robot stands")
    session.submit(lambda: session.pause(False))
    number = session.number
    wait_for(lambda: session.number > number + 2, "the robot stands")
    assert "Traceback" not in "".join(capfd.readouterr())


def socket_address(served):
    return served.address.replace("http", "ws").rstrip("/")


def test_another_site_and_an_address_without_the_token_do_not_come_in():
    with serving("secret") as (_, one):
        inside = one.address.replace("http", "ws")
        assert inside.endswith("/secret")
        with connect(inside, subprotocols=PROTOCOL):
            pass
        for address, origin in (
            (inside.removesuffix("secret"), None),
            (inside, "http://evil.example"),
        ):
            with pytest.raises(InvalidStatus, match="403"):
                connect(address, subprotocols=PROTOCOL, origin=origin)
        assert one.door.refused == 2
