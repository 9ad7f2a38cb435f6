"""Success of evaluated settings, with intervals, and by how far the goal is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.agent.evaluation.statistics import THIRDS, rate, third_of
from latent_mpc.agent.oracle import privileged
from latent_mpc.envs.task import Task


def steps_between(task: Task, pairs: Pairs, repeat: int) -> np.ndarray:
    """True model steps `[B]` from each start to its goal; see `oracle.privileged` for tasks that do
    not know them.
    """
    steps = privileged(task)
    return np.array([steps(pair.start[None], pair.goal)[0] for pair in pairs.pairs]) / repeat


def summarise(result: Mapping[str, Any], steps: np.ndarray) -> dict[str, Any]:
    """The result of a setting with its rates: at the end, at any time, and at the end for near,
    middle and far goals.

    Args:
        result: as `Sweep.play` gives it.
        steps: true model steps of its pairs, or of more pairs of the same seed.
    """
    end, ever = np.array(result["end"], bool), np.array(result["any"], bool)
    third = third_of(steps)[: len(end)]
    parts = {name: rate(end[third == i]) for i, name in enumerate(THIRDS) if (third == i).any()}
    return {**result, "success_end": rate(end), "success_any": rate(ever), "thirds": parts}
