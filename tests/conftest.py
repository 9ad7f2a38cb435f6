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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a GPU where there is none: nothing is skipped that could have run."""
    need = [item for item in items if item.get_closest_marker("gpu")]
    if need:
        import torch

        if not torch.cuda.is_available():
            config.hook.pytest_deselected(items=need)
            items[:] = [item for item in items if item not in need]


@pytest.fixture(autouse=True, scope="session")
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, here and in the processes that tests start; a shell that starts pytest in
    the background has it ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
