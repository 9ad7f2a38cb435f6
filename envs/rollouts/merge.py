"""Folders of rollouts -> one folder that holds them all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.progress import Progress
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from latent_mpc.envs.rollouts.several import SeveralRollouts

OF_THE_FORMAT = ("format", "version", "arrays")  # what the writer says itself
OF_A_FOLDER = ("seed", "behaviour")  # in what they may differ


def merge(paths: Sequence[str], out: str | os.PathLike[str]) -> Rollouts:
    """Copy the episodes of several folders, in their order, into `out`; goes on where an earlier
    call was stopped. Its meta data say what the folders were.

    Raises:
        ValueError: folders that do not go together, damaged ones, `out` is one of them or holds
            something else.
        OSError: `out` cannot be written.
    """
    rollouts = SeveralRollouts(paths)
    if Path(out).resolve() in [part.path.resolve() for part in rollouts.parts]:
        raise LatentMPCError(f"out must be a folder of its own, got {out}, which is to be merged")
    rollouts.require_whole()
    meta = {key: value for key, value in rollouts.meta.items() if key not in OF_THE_FORMAT}
    meta["merged"] = [
        {
            "episodes": len(part),
            "fingerprint": part.fingerprint,
            **{key: part.meta.get(key) for key in OF_A_FOLDER},
        }
        for part in rollouts.parts
    ]
    with (
        RolloutWriter(out, meta) as writer,
        Progress("merging", len(rollouts), "episodes", len(writer)) as progress,
    ):
        for number in range(writer.next_number, len(rollouts)):
            writer.append(rollouts.episode(number), number)
            progress.advance()
    return Rollouts(out)
