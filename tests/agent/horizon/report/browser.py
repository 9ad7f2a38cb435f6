"""Debian's Chromium without a window: opens a page, says what a reader would see and what the page
asked the world for.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason="Chromium is missing; on Debian: apt-get install chromium"
)
QUIET = (
    "background-networking",
    "component-update",
    "default-apps",
    "extensions",
    "gpu",
    "quic",
    "sync",
)
ASK = """
addEventListener("load", async () => {
  const videos = [...document.querySelectorAll("video")];
  await Promise.all(videos.map(video => video.readyState ? 0 : new Promise(done => {
    video.onloadedmetadata = video.onerror = done; })));
  const pictures = [...document.images];
  const told = {
    pictures: pictures.map(one => [one.naturalWidth, one.getBoundingClientRect().width]),
    videos: videos.map(one => [one.videoWidth, one.duration]),
    addresses: [...performance.getEntriesByType("resource")].map(one => one.name.slice(0, 60)).filter(name => !name.startsWith("data:")),
    needed: document.body.scrollWidth,
    smallest: Math.min(...[...document.querySelectorAll("p, figcaption, td, th, dd")].map(one =>
      parseFloat(getComputedStyle(one).fontSize))),
  };
  const answer = document.createElement("pre");
  answer.id = "answer"; answer.textContent = JSON.stringify(told);
  document.body.append(answer);
});
"""


def look(page: Path, width: int, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """What a page of `width` pixels shows, and what it wrote to the console. A script is put into a
    copy, which may run this one only.

    The window cannot be made narrower than 500 pixels, so the page is.
    """
    html = page.read_text(encoding="utf-8")
    assert html.count("default-src 'none'") == 1
    more = f"<style>html {{ width: {width}px }}</style><script>{ASK}</script></head>"
    asking = html.replace(
        "default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'"
    ).replace("</head>", more)
    copy = folder / f"asking-{width}.html"
    copy.write_text(asking, encoding="utf-8")
    assert PROGRAM
    options = [f"--disable-{name}" for name in QUIET] + [
        f"--window-size={width},900",
        f"--user-data-dir={folder / f'profile-{width}'}",
    ]
    command = [
        PROGRAM,
        "--headless",
        "--no-sandbox",
        "--no-first-run",
        "--enable-logging=stderr",
        "--virtual-time-budget=20000",
        *options,
    ]
    done = subprocess.run(
        [*command, "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answer = done.stdout.partition('<pre id="answer">')[2].partition("</pre>")[0]
    return json.loads(unescape(answer)), [
        line for line in done.stderr.splitlines() if "CONSOLE" in line
    ]
