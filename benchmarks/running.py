"""What the measurements share: commands run as the console script runs them, the time they took
over several calls, what is left to do.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from latent_mpc.agent.cli import run_command
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.envs.files import replace

BEAT = 5.0  # [s] between two notes of the time: what a kill may lose of it


def latent_mpc(*arguments: str) -> None:
    """`latent-mpc COMMAND KEY=VALUE …` in this process, which dies with it; what goes wrong is
    raised. Results name this command.
    """
    sys.argv = ["latent-mpc", *arguments]
    print(f"\n$ {' '.join(sys.argv)}", flush=True)
    import_module(f"latent_mpc.agent.cli.commands.{arguments[0]}").run(
        compose_config(arguments[0], arguments[1:])
    )


@contextmanager
def clock(path: Path) -> Iterator[None]:
    """Adds the seconds spent within to those in the file, while they pass: a killed call's are
    kept.
    """
    before, begin, done = noted(path), time.perf_counter(), threading.Event()
    path.parent.mkdir(parents=True, exist_ok=True)

    def note() -> None:
        replace(path, f"{before + time.perf_counter() - begin:.1f}\n".encode())

    def beat() -> None:
        while not done.wait(BEAT):
            note()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        note()


def noted(path: Path) -> float:
    """The seconds that a clock has counted so far."""
    return float(path.read_text(encoding="utf-8")) if path.exists() else 0.0


def read(path: Path) -> dict[str, Any]:
    """A file of json; nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def tell_left(left: Mapping[str, float]) -> None:
    """Print what is still to be done, and the estimate of each in seconds."""
    print(
        f"\nleft: {len(left)}, about {minutes(sum(left.values()))}"
        if left
        else "\nnothing is left to do"
    )
    for name, seconds in left.items():
        print(f"  {name:<32} about {minutes(seconds)}")


def minutes(seconds: float) -> str:
    """A duration for people."""
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest:02} min" if hours else f"{max(rest, 1)} min"


def pick(asked: Sequence[str], known: Mapping[str, Sequence[str]], what: str) -> list[str]:
    """The names asked for, all if none is; each name goes by several. Raises KeyError listing the
    valid ones.
    """
    for one in asked:
        if not any(one == name or one in others for name, others in known.items()):
            raise UnknownNameError(f"no {what} {one!r}; there are: {', '.join(known)}")
    return [
        name
        for name, others in known.items()
        if not asked or name in asked or set(others) & set(asked)
    ]


def tell(error: BaseException) -> int:
    """A mistake in one line, as the console script has it. Returns the exit status."""
    if isinstance(error, KeyboardInterrupt):
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    if not isinstance(error, run_command.USER_ERRORS):
        raise error
    message, status = run_command.explain(error)
    print(f"benchmarks: {' '.join(message.split())}", file=sys.stderr)
    return status
