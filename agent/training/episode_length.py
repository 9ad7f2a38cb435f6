"""How long episodes must be for what is learned from them: known before a long run begins, and
cheap to compare.
"""

from __future__ import annotations

from typing import Any

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.hydra_groups import heads
from latent_mpc.configs.schema import TrainConfig
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.task import Task


def require_length(config: TrainConfig, task: Task, given: Rollouts | None) -> None:
    """Raise ValueError unless a window of each phase fits into an episode of the given rollouts, or
    else of the task.
    """
    where, training, longest = task.name, task.episode_steps, task.episode_steps  # [control steps]
    if given is not None:
        episodes, _ = given.split(config.training.validation, config.seed)
        where, training, longest = (
            f"data={config.data}",
            int(given.lengths[episodes].max()),
            int(given.lengths.max()),
        )
    repeat, history, horizon = (
        config.task.action_repeat,
        getattr(config.model, "history", 1),
        config.training.horizon,
    )
    needs = [
        (f"model.history={history} and training.horizon={horizon}", history - 1 + horizon, training)
    ]
    for name in heads():
        head: Any = getattr(config, name)
        if (steps := getattr(head, "needs", 0)) > 0:
            needs.append((f"{name}.horizon={steps}", steps, longest))
    for keys, steps, there in needs:
        if steps * repeat > there:
            raise LatentMPCError(
                f"{keys} need episodes of {steps * repeat} control steps ({steps} model steps of"
                f" {repeat}), {where} has at most {there}; lower them, or give longer episodes"
            )
