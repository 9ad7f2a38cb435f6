"""Small rollouts whose numbers tell where they stand."""

from pathlib import Path

import numpy as np

from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter

META = {"task": {"name": "reacher", "options": {"size": 64}}, "seed": 3, "versions": {"numpy": "1"}}


def episode(number: int, steps: int = 5) -> dict[str, np.ndarray]:
    """Row t of `state` is (number, t); pixels and actions follow from it."""
    t = np.arange(steps + 1)
    state = np.stack([np.full(steps + 1, number), t], axis=1).astype(np.float32)
    return {
        "state": state,
        "pixels": np.full((steps + 1, 2, 3), number, np.uint8) + t[:, None, None].astype(np.uint8),
        "action": 0.5 * state,
    }


def write(path: Path, lengths: list[int]) -> Rollouts:
    with RolloutWriter(path, META) as writer:
        for steps in lengths:
            writer.append(episode(writer.next_number, steps))
    return Rollouts(path)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "rollouts.lock"}
