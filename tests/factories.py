"""What several test files make: a checkpoint with fresh weights, the one line of a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from latent_mpc.agent.checkpoints.checkpoint import save_parts
from latent_mpc.agent.cli import compose
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.training.pipeline import describe, initialise
from latent_mpc.configs import hydra_groups, plugins
from latent_mpc.envs.registry import make


def write_checkpoint(folder: Path, settings: Sequence[str]) -> Path:
    """A whole checkpoint of Reacher, as `train` writes it, with fresh weights; the folder."""
    parts = initialise(describe(compose_config("train", settings), make("reacher")), 0)
    parts.config |= {"data": {"fingerprint": "0" * 16}, "versions": {}}
    save_parts(parts, folder)
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object, alone: bool = True) -> str:
    """The one line on stderr of a call that must be refused; not `alone`: below what was said of
    the work before it.
    """
    capsys.readouterr()
    assert cli.main(list(map(str, arguments))) == 2
    out, err = capsys.readouterr()
    assert not alone or (out, err.count("\n")) == ("", 1), out + err
    *_, last = err.splitlines()
    assert last.startswith("latent-mpc: ") and "Traceback" not in err
    return last.removeprefix("latent-mpc: ")


def look_again() -> None:
    """As in another process: what is installed is looked for anew."""
    for cached in (
        plugins.plugins,
        plugins._registered,
        hydra_groups.part,
        hydra_groups.command_class,
        hydra_groups._register_own,
    ):
        cached.cache_clear()
    compose._compose_once.cache_clear()
