"""The console script: finds the command, turns every mistake into one line. Knows neither torch nor Hydra until a command runs.

Exit status: 0 done, 1 a bug, 2 something the caller can mend, 130 Ctrl-C. `LATENT_MPC_TRACEBACK=1` shows where an error arose.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from latent_mpc.agent.cli import help
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError

TRACEBACK = "LATENT_MPC_TRACEBACK"
USER_ERRORS = (LatentMPCError, OSError, MemoryError)  # what the package refuses, and what the machine cannot give
NO_MEMORY = ("can't allocate memory", "out of memory", "Storage size calculation overflowed")  # torch's, which are RuntimeErrors
# Threads of OpenMP that wait for work sleep. Spinning, as they do by default, they keep the cores that the others compute on: beside
# two busy processes on two cores a decision took 2 s instead of 20 ms (benchmarks/speed/busy.py). Read once, when torch is imported.
WAITING = ("OMP_WAIT_POLICY", "PASSIVE")
HELP = ("-h", "--help", "help")
MULTIRUN = ("-m", "--multirun")  # Hydra spreads the values with commas


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    os.environ.setdefault(*WAITING)
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):  # a path may have letters that the terminal's encoding has not, a table its dots
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(arguments)
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
    """(one line, exit status) for an error: what was refused as it stands, anything else as the bug it is."""
    message = str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        message = f"{error.filename}: {error.strerror}"
    if isinstance(error, USER_ERRORS) or (isinstance(error, RuntimeError) and any(text in message for text in NO_MEMORY)):
        return message or type(error).__name__, 2
    return f"{type(error).__name__}: {message} (a fault of latent-mpc: {TRACEBACK}=1 shows where; please report what it prints)", 1


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in HELP:
        print(help.overview())
        return 0
    if arguments[0] == "--version":
        from latent_mpc import __version__

        print(f"latent-mpc {__version__}")
        return 0
    name, *rest = arguments
    if name not in help.command_names():
        raise UnknownNameError(f"no command {name!r}; there are: {', '.join(help.command_names())}")
    if any(word in HELP for word in rest):
        print(help.command_help(name, [word for word in rest if word not in HELP]))
        return 0
    return _run(name, rest)


def _run(name: str, arguments: list[str]) -> int:
    """A command with a primary config gets its dataclass, any other one its words."""
    from latent_mpc.configs.hydra_groups import commands

    if name not in commands():
        return import_module(f"latent_mpc.agent.cli.commands.{name}").run(arguments) or 0
    if any(word in MULTIRUN for word in arguments):
        from latent_mpc.agent.cli.multirun import run

        return run(name, arguments)
    from latent_mpc.agent.cli.compose import compose_config

    config = compose_config(name, arguments)
    return import_module(f"latent_mpc.agent.cli.commands.{name}").run(config) or 0


def _complain(message: str, status: int) -> int:
    sys.stdout.flush()
    print(f"latent-mpc: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
