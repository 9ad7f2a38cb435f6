"""Collect rollouts of a task.

Smooth random actions, no expert: several worker processes play whole episodes and append them to a folder. The same seed gives the
same rollouts whatever the number of workers; a second call with the same `out` goes on where the first one stopped.

Examples:
    latent-mpc collect task=reacher obs=state episodes=400
    latent-mpc collect task=reacher obs=pixels episodes=400 seed=1 out=runs/reacher-pixels/data
"""

from __future__ import annotations

from pathlib import Path

from latent_mpc.configs.schema import CollectConfig, CollectionConfig, TaskConfig
from latent_mpc.envs.collect import collect
from latent_mpc.envs.rollouts import Rollouts


def run(config: CollectConfig) -> int:
    """Collect what is missing in the folder."""
    folder = config.folder()
    rollouts = gather(config.task, config.observations, config, config.seed, folder)
    print(f"{len(rollouts)} episodes, {int(rollouts.lengths.sum()):,} control steps of {config.task.name} in {folder}")
    print(f"next: latent-mpc train task={config.task.name} obs={config.obs} data={folder}")
    return 0


def gather(task: TaskConfig, observations: tuple[str, ...], collection: CollectionConfig, seed: int, folder: Path) -> Rollouts:
    """The folder's rollouts, collected as far as they are missing."""
    workers = collection.workers or None
    options, patience = {"size": task.size}, collection.patience
    return collect(task.name, options, observations, collection.behaviour, collection.episodes, seed, folder, workers, patience=patience)
