"""Run one command; report whatever it raises in one line, with its exit status.

Exit status: 0 done, 1 a bug, 2 a refusal that the message says how to fix, 130 Ctrl-C.
`LATENT_MPC_TRACEBACK=1` shows where an error arose.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module

from latent_mpc.configs.errors import LatentMPCError

TRACEBACK = "LATENT_MPC_TRACEBACK"
# what the package refuses, and what the machine cannot give
USER_ERRORS = (LatentMPCError, OSError, MemoryError)
# torch's, which are RuntimeErrors
NO_MEMORY = ("can't allocate memory", "out of memory", "Storage size calculation overflowed")


def run_command(name: str, arguments: list[str]) -> int:
    """A command with a primary config gets its dataclass, any other one its words. Returns the exit
    status.
    """
    if by_torchrun():
        return _as_rank(name, arguments)
    return _run(name, arguments)


def by_torchrun() -> bool:
    """Whether this is one of several processes that torchrun, or what sets the same variables,
    started.
    """
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


def _as_rank(name: str, arguments: list[str]) -> int:
    """The same, as one of the processes that torchrun started."""
    from latent_mpc.agent import ranks

    with ranks.joined():
        if name != "train":
            raise LatentMPCError(
                "torchrun starts several processes, which only train shares its work over; give"
                f" `latent-mpc {name}` without it"
            )
        return _run(name, arguments)


def _run(name: str, arguments: list[str]) -> int:
    from latent_mpc.configs.hydra_groups import commands

    if name not in commands():
        return import_module(f"latent_mpc.agent.cli.commands.{name}").run(arguments) or 0
    from latent_mpc.agent.cli.compose import compose_config

    config = compose_config(name, arguments)
    return import_module(f"latent_mpc.agent.cli.commands.{name}").run(config) or 0


def reported(run: Callable[[], int]) -> int:
    """The exit status of `run`, whose error is printed in one line."""
    try:
        return run()
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "stopped", 130)
    except BrokenPipeError:  # `latent-mpc tasks | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get(TRACEBACK) == "1":
            traceback.print_exc()
        return _complain(*explain(error))


def explain(error: Exception) -> tuple[str, int]:
    """(one line, exit status) for an error: what was refused as it stands, anything else as the bug
    it is.
    """
    message = str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        message = f"{error.filename}: {error.strerror}"
    if isinstance(error, USER_ERRORS) or (
        isinstance(error, RuntimeError) and any(text in message for text in NO_MEMORY)
    ):
        return message or type(error).__name__, 2
    return (
        (
            f"{type(error).__name__}: {message} (a fault of latent-mpc: {TRACEBACK}=1 shows where;"
            " please report what it prints)"
        ),
        1,
    )


def _complain(message: str, status: int) -> int:
    sys.stdout.flush()
    print(f"latent-mpc: {' '.join(message.split())}", file=sys.stderr)
    return status
