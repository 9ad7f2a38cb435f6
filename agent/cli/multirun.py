"""Many calls of a command at once, spread by Hydra's own launchers: `latent-mpc horizon --multirun
horizons=[1],[2] hydra/launcher=joblib`.

Hydra splits values with commas into jobs and starts them, here or on a cluster; what a job does is
the command itself, composed and checked as ever. Launchers are plugins: the extra `sweep` brings
joblib and submitit.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latent_mpc.agent.cli.run_command import by_torchrun, reported, run_command
from latent_mpc.configs import hydra_groups
from latent_mpc.configs.errors import FailedError, LatentMPCError

PLUGINS = {
    "joblib": "hydra_joblib_launcher",
    "submitit_local": "hydra_submitit_launcher",
    "submitit_slurm": "hydra_submitit_launcher",
}
FAILED = "failed"  # file in a job's folder: its exit status


def run(command: str, arguments: Sequence[str]) -> int:
    """Start a job for each combination of values, wait for all. Raises ValueError for a launcher
    that is not installed, RuntimeError if a job failed; Hydra answers what it cannot read itself,
    with exit status 1.
    """
    if by_torchrun():
        raise LatentMPCError(
            "--multirun starts jobs of its own, torchrun processes of one job; give one of the two"
        )
    from hydra import main

    for argument in arguments:
        key, _, name = argument.partition("=")
        if key == "hydra/launcher" and name in PLUGINS and not _installed(PLUGINS[name]):
            raise LatentMPCError(
                f"hydra/launcher={name} is a plugin that is not installed: pip install"
                " 'latent-mpc[sweep]'"
            )
    hydra_groups.register(
        command,
        [value for argument in arguments for value in argument.partition("=")[2].split(",")],
    )
    folder = Path("runs/multirun") / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    own = (f"hydra.sweep.dir={folder}", "hydra.output_subdir=null", "hydra/job_logging=none")
    with _words(sys.argv[0], *arguments, *own):  # where Hydra reads them
        main(version_base="1.3", config_path="pkg://latent_mpc.configs", config_name=command)(job)()
    failed = sorted(folder.glob(f"*/{FAILED}"))
    if failed:
        raise FailedError(
            f"{len(failed)} of the jobs failed, see their messages above:"
            f" {', '.join(path.parent.name for path in failed)}"
        )
    return 0


def job(_: Any) -> None:
    """One combination of values: the command, with these settings."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    words = [str(hydra.job.config_name), *hydra.overrides.task]
    folder = Path(hydra.runtime.output_dir)
    GlobalHydra.instance().clear()  # the command composes for itself
    with _words("latent-mpc", *words):  # what a result says that it came from
        status = reported(lambda: run_command(words[0], words[1:]))
    if status:
        (folder / FAILED).write_text(f"{status}\n")


@contextmanager
def _words(*words: str) -> Iterator[None]:
    """Words of a command line for as long as this lasts."""
    before, sys.argv = sys.argv, list(words)
    try:
        yield
    finally:
        sys.argv = before


def _installed(plugin: str) -> bool:
    return (
        find_spec("hydra_plugins") is not None and find_spec(f"hydra_plugins.{plugin}") is not None
    )
