"""Whether episodes are played by an engine's processes or in this one.

On a CPU a process per core plays a share of its own: networks this small gain little from a second
thread.
"""

from __future__ import annotations

import torch

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.collection.engines import Engine
from latent_mpc.planners import Algorithm, Budget

# imagined steps in a decision of all episodes together, some 30 s of playing: for less, processes
# are not worth starting
WORTH = 200_000
PATIENCE = 3600.0  # [s] for one share, after which its process counts as hung


def processes(engine: Engine, device: torch.device, shares: int, work: float) -> int:
    """How many processes play so many shares, `work` imagined steps in all; 0: this one does.

    Raises ValueError for an accelerator with an engine that plays on cores.
    """
    if device.type != "cpu" and not engine.has_to_pay:
        raise LatentMPCError(
            f"engine=ray plays on the cores of its nodes, got {device}: device=cpu"
        )
    if device.type != "cpu":
        return 0
    count = min(engine.cores(), shares)
    return count if not engine.has_to_pay or (count > 1 and work >= WORTH) else 0


def imagined_steps(episodes: int, evaluations: int, horizon: int, weight: float = 1.0) -> float:
    """Of a decision, about; its fixed costs count as two of them.

    Args:
        weight: of one, where another simulator than the model imagines.
    """
    return episodes * evaluations * (horizon * weight + 2)


def evaluations(algorithm: Algorithm) -> int:
    """Imagined rollouts in one decision."""
    return sum(Budget().counts(algorithm)) + (algorithm.execute == "mean")
