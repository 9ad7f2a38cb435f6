"""How quick the page of `latent-mpc play` is, and whether it survives a minute of tabs.

    python -m benchmarks.speed.live                 seconds to the page; updates, decisions, dreams
    python -m benchmarks.speed.live --chaos 60      20 tabs opened and closed at random beside it

A Chromium without a window draws by software on the same machine, as long as anything is measured.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

import numpy as np

from latent_mpc.agent.cli.commands.play import make_session
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.cli.live.session import DREAM

SECONDS = 10.0  # [s] of each measurement
TABS = 20
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader")


def seconds_to_page(checkpoint: str) -> float:
    """From the command to its page [s]."""
    command = ["-m", "latent_mpc", "play", f"checkpoint={checkpoint}", "port=0"]
    begin = time.perf_counter()
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        with urlopen(address, timeout=60) as page:
            page.read()
        seconds = time.perf_counter() - begin
        process.send_signal(signal.SIGTERM)
    return seconds


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        options = [*SOFTWARE, "--enable-unsafe-swiftshader"]
        yield play.chromium.launch(executable_path=shutil.which("chromium"), args=options)


def rates(session: Any, served: Any, page: Any) -> dict[str, float]:
    """Updates of the robot, decisions and imagined steps a second."""
    page.wait_for_timeout(4000)
    number, updates, begin = session.number, served.page.updates, time.perf_counter()
    page.wait_for_timeout(1e3 * SECONDS)
    seconds = time.perf_counter() - begin
    found = {
        "updates_per_s": (served.page.updates - updates) / seconds,
        "decisions_per_s": (session.number - number) / seconds,
        "decision_ms": session.latest.numbers.decision_ms,
    }
    session.submit(lambda: session.set_world(DREAM))
    page.wait_for_timeout(1000)
    steps, begin = session.dream.steps, time.perf_counter()
    for _ in range(round(10 * SECONDS)):
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(100)
    found["dream_steps_per_s"] = (session.dream.steps - steps) / (time.perf_counter() - begin)
    session.submit(lambda: session.drive(False))
    return found


def chaos(session: Any, served: Any, window: Any, seconds: float) -> dict[str, float]:
    """Tabs that open and close at random; the robot must go on."""
    rng, tabs, opened = np.random.default_rng(0), list[Any](), 0
    number, begin = session.number, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        if tabs and (len(tabs) == TABS or rng.random() < 0.4):
            tabs.pop(int(rng.integers(len(tabs)))).close()
        else:
            tabs.append(window.new_page(viewport={"width": 300, "height": 200}))
            tabs[-1].goto(served.address, wait_until="commit")
            opened += 1
    done = session.number - number
    for tab in tabs:
        tab.close()
    return {"tabs_opened": opened, "steps_meanwhile": done, "dropped": served.door.dropped}


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--checkpoint", default="reacher-pixels")
    parser.add_argument("--chaos", type=float, default=0.0, metavar="SECONDS")
    asked = parser.parse_args()
    from latent_mpc.agent.cli.live.serve import serve

    print(f"command to page: {seconds_to_page(asked.checkpoint):.1f} s", flush=True)
    session = make_session(compose_config("play", [f"checkpoint={asked.checkpoint}"]))
    with serve(session) as served, browser() as window:
        drawing = threading.Thread(target=served.page.run, daemon=True)
        drawing.start()
        page = window.new_page(viewport={"width": 1280, "height": 720})
        page.goto(served.address)
        for name, value in rates(session, served, page).items():
            print(f"{name}: {value:.1f}", flush=True)
        if asked.chaos:
            print(chaos(session, served, window, asked.chaos), flush=True)
        served.page.stop()
        drawing.join()


if __name__ == "__main__":
    main()
