"""A picture of what the model imagines, for checkpoints with a decoder: held-out frames, the same
encoded and decoded, and imagined ones.

Shapes: T model steps, D latent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from latent_mpc.agent.build import Parts
from latent_mpc.agent.heads.decoder import Decoder
from latent_mpc.envs.files import replace
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.video.contact_sheet import contact_sheet

STEPS = 10  # imagined, one after the other, from one frame [model steps]
ROWS = ("seen", "decoded", "imagined")


@torch.no_grad()
def draw_imagined(
    parts: Parts, rollouts: Rollouts, validation: float, seed: int, folder: Path
) -> Path | None:
    """Write `imagined.png` from the first held-out episode; its path, or None without a decoder."""
    decoder = parts.heads.get("decoder")
    if not isinstance(decoder, Decoder):
        return None
    device, repeat = next(parts.model.parameters()).device, parts.config["task"]["action_repeat"]
    episode = rollouts.episode(int(rollouts.split(validation, seed)[1][0]))
    obs = {
        key: torch.as_tensor(np.array(episode[key][::repeat]), device=device)
        for key in parts.model.shapes
    }
    z, first = parts.model.encode_episode(obs), parts.model.history - 1
    steps = min(STEPS, len(z) - 1 - first)
    blocks = np.array(episode["action"][first * repeat : (first + steps) * repeat]).reshape(
        steps, -1
    )
    imagined = parts.model.rollout_ensemble(z[first], torch.as_tensor(blocks, device=device))[0]
    along = slice(first, first + steps + 1)
    rows = [
        obs["pixels"][along],
        decoder(z[along]),
        decoder(torch.cat([z[first : first + 1], imagined])),
    ]
    frames = [list(row[..., :3].cpu().numpy()) for row in rows]  # of several cameras the first
    replace(folder / "imagined.png", contact_sheet(frames, ROWS))
    return folder / "imagined.png"
