"""Fresh random episodes of a checkpoint's task, for what is measured or fitted after training."""

from __future__ import annotations

from pathlib import Path

from latent_mpc.agent.build import Parts
from latent_mpc.configs.tasks import task_options
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.task import Task


def random_episodes(
    parts: Parts, task: Task, episodes: int, seed: int, folder: Path, workers: int | None = None
) -> Rollouts:
    """Fresh episodes of the behaviour that the checkpoint was trained on; what is there already is
    taken.
    """
    config = parts.config
    behaviour = BehaviourConfig(**(config["data"].get("behaviour") or {}))
    options = task_options(config["task"])
    return collect(
        config["task"]["name"],
        options,
        tuple(config["spaces"]),
        behaviour,
        episodes,
        seed,
        folder,
        workers,
    )
