"""The console script: finds the command. Knows neither torch nor Hydra until one runs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from latent_mpc.agent.cli import help
from latent_mpc.agent.cli.run_command import reported, run_command
from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.configs.hydra_groups import commands

# Threads of OpenMP that wait for work sleep. Spinning, as they do by default, they keep the cores
# that the others compute on: beside two busy processes on two cores a decision took 2 s instead of
# 20 ms (benchmarks/speed/busy.py). Read once, when torch is imported.
WAITING = ("OMP_WAIT_POLICY", "PASSIVE")
HELP = ("-h", "--help", "help")
MULTIRUN = ("-m", "--multirun")  # Hydra spreads the values with commas


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status."""
    os.environ.setdefault(*WAITING)
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # a path may have letters that the terminal's encoding has not, a table its dots
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    return reported(lambda: _dispatch(arguments))


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
    if any(word in MULTIRUN for word in rest) and name in commands():
        from latent_mpc.agent.cli.multirun import run

        return run(name, rest)
    return run_command(name, rest)


if __name__ == "__main__":
    sys.exit(main())
