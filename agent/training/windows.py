"""Rollouts -> batches of windows, and the latents of whole rollouts on a frozen model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent import ranks
from latent_mpc.agent.models.base import WorldModel
from latent_mpc.envs.progress import track
from latent_mpc.envs.rollouts.reader import Rollouts

TRIES = 8  # windows of which one is kept
MAPPED = 2**27  # above this many values the latents are memory-mapped: 0.5 GB


class Windows:
    """Random windows of rollouts as tensors, action blocks assembled.

    Args:
        counted: what has to be seen moving, which it seldom does: numbers of each row `[N, C]`. Of
            half of a batch each window is then the one of TRIES in which they move most.
    """

    def __init__(
        self,
        rollouts: Rollouts,
        keys: tuple[str, ...],
        action_repeat: int,
        device: torch.device,
        counted: np.ndarray | None = None,
    ) -> None:
        self.rollouts, self.keys, self.repeat, self.device = rollouts, keys, action_repeat, device
        self.counted = counted

    def draw(
        self, rng: np.random.Generator, batch: int, steps: int, episodes: np.ndarray
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Observations `[B, steps + 1, ...]` and the action blocks `[B, steps, A]` between them, of
        several ranks each its part of the batch.

        Raises ValueError if no episode is that long.
        """
        length = steps * self.repeat
        starts = ranks.own(self._starts(rng, batch, length + 1, episodes))
        rows = starts[:, None] + np.arange(length)
        action = self.rollouts.gather(rows, ["action"])["action"].reshape(len(rows), steps, -1)
        frames = rows[:, :1] + self.repeat * np.arange(steps + 1)
        observed = self.rollouts.gather(frames, self.keys)
        return {
            key: torch.as_tensor(value, device=self.device) for key, value in observed.items()
        }, torch.as_tensor(action, device=self.device)

    def _starts(
        self, rng: np.random.Generator, batch: int, length: int, episodes: np.ndarray
    ) -> np.ndarray:
        """First rows of windows of `length` rows `[B]`."""
        first = self.rollouts.starts(rng, batch, length, episodes)
        if self.counted is None:
            return first
        half = batch // 2
        tries = self.rollouts.starts(rng, half * TRIES, length, episodes).reshape(half, TRIES)
        way = np.linalg.norm(self.counted[tries + length - 1] - self.counted[tries], axis=-1)
        return np.concatenate([tries[np.arange(half), way.argmax(axis=1)], first[half:]])


@torch.no_grad()
def encode_rollouts(
    model: WorldModel, rollouts: Rollouts, action_repeat: int, scratch: Path, *, shown: bool = False
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Latents of every model step, as the agent would hold them: an episode's first frame counts as
    seen at rest. Of several ranks each encodes its share of the episodes.

    Args:
        scratch: folder for the latents where they are many; nothing remains there.
        shown: whether progress is.

    Returns:
        z `[N, D]`; the last row of each row's episode, `[N]`; the row of the rollouts that each
        came from, `[N]`.
    """
    device = next(model.parameters()).device
    counts = rollouts.lengths // action_repeat + 1
    ends = np.cumsum(counts)
    z = _latents(int(ends[-1]), model.latent, device, scratch)
    episodes = range(ranks.rank(), len(counts), ranks.count())
    for i in track(episodes, "encoding", len(episodes), "episodes", shown=shown):
        end, count = int(ends[i]), int(counts[i])
        episode = rollouts.episode(i)
        obs = {
            key: torch.as_tensor(np.array(episode[key][::action_repeat]), device=device)
            for key in model.shapes
        }
        z[end - count : end] = model.encode_episode(obs)
    ranks.add_up_rows(z)
    # half the memory
    whole = np.int32 if rollouts.offsets[-1] + rollouts.lengths[-1] < 2**31 else np.int64
    last = np.repeat((ends - 1).astype(whole), counts)
    source = np.repeat((rollouts.offsets - action_repeat * (ends - counts)).astype(whole), counts)
    source += action_repeat * np.arange(len(source), dtype=whole)
    return z, last, source


def _latents(rows: int, width: int, device: torch.device, scratch: Path) -> Tensor:
    """Zeros `[rows, width]`: in memory, or where it would take more than MAPPED numbers of it,
    in a file that is gone when we are.
    """
    if device.type != "cpu" or rows * width <= MAPPED:
        return torch.zeros(rows, width, device=device)
    scratch.mkdir(parents=True, exist_ok=True)
    file = scratch / f"latents-{ranks.rank()}"
    try:
        return torch.from_file(str(file), shared=True, size=rows * width).view(rows, width)
    finally:
        file.unlink(missing_ok=True)
