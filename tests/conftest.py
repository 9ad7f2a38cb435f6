"""What every test can rely on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

# What someone may have set for their own terminal: its width, its colours, a traceback for each
# mistake, an OpenGL that is not here.
for name in (
    "COLUMNS",
    "LINES",
    "FORCE_COLOR",
    "TTY_COMPATIBLE",
    "LATENT_MPC_TRACEBACK",
    "MUJOCO_GL",
):
    os.environ.pop(name, None)


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, here and in the processes that tests start; a shell that starts pytest in
    the background has it ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
