"""Features of frozen encoders, computed once for all frames of rollouts and kept beside them.

Shapes: M rows of the rollouts, W features.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from latent_mpc.agent import ranks
from latent_mpc.agent.models.base import WorldModel
from latent_mpc.envs.files import unwritten
from latent_mpc.envs.progress import track
from latent_mpc.envs.rollouts.joined_rows import JoinedRows
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.rollouts.several import SeveralRollouts

TOGETHER = 256  # pictures at a time


def with_features(rollouts: Rollouts, model: WorldModel) -> Rollouts:
    """The rollouts as the model's frozen encoders see them: their features in the place of
    pictures; as they are if there are none.

    Raises OSError if they cannot be written.
    """
    if isinstance(rollouts, SeveralRollouts):  # each folder keeps its own
        return _joined(rollouts, [with_features(part, model) for part in rollouts.parts])
    seen, device = copy.copy(rollouts), next(model.parameters()).device
    seen.arrays = dict(rollouts.arrays)
    for key, (digest, encode) in model.frozen_encoders().items():
        file = rollouts.path / f"features-{key}-{digest}-{rollouts.fingerprint}.npy"

        def features(frames: np.ndarray, encode=encode) -> np.ndarray:  # type: ignore[no-untyped-def]
            encoded: np.ndarray = encode(torch.as_tensor(frames, device=device)).cpu().numpy()
            return encoded

        ranks.by_first(partial(_write_missing, file, rollouts, key, features))
        seen.arrays[key] = np.load(file, mmap_mode="r", allow_pickle=False)
    return seen


def _joined(rollouts: SeveralRollouts, parts: Sequence[Rollouts]) -> Rollouts:
    seen = copy.copy(rollouts)
    seen.arrays = {
        key: JoinedRows([part.arrays[key] for part in parts])  # type: ignore[misc]
        for key in rollouts.keys
    }
    return seen


def _write_missing(file: Path, rollouts: Rollouts, key: str, encode) -> None:  # type: ignore[no-untyped-def]
    if file.exists():
        return
    # of fewer episodes, or of another network
    for other in file.parent.glob(f"features-{key}-*.npy"):
        with contextlib.suppress(OSError):
            other.unlink()
    frames, temporary = rollouts.arrays[key], file.with_suffix(".tmp")
    try:
        width = encode(frames[:1]).shape[1]
        features = np.lib.format.open_memmap(temporary, "w+", np.float16, (len(frames), width))
        for first in track(
            range(0, len(frames), TOGETHER),
            "encoding pictures",
            -(-len(frames) // TOGETHER),
            "batches",
            shown=True,
        ):
            features[first : first + TOGETHER] = encode(frames[first : first + TOGETHER])
        features.flush()
        os.replace(temporary, file)
    except OSError as error:
        raise unwritten(file, error) from error
    finally:
        temporary.unlink(missing_ok=True)
