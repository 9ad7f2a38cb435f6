"""Collect rollouts of a task.

Smooth random actions, no expert: several worker processes play whole episodes and append them to a folder. The same seed gives the
same rollouts whatever the number of workers; a second call with the same `out` goes on where the first one stopped.

Examples:
    latent-mpc collect task=reacher obs=state episodes=400
    latent-mpc collect task=reacher obs=pixels episodes=400 seed=1 out=runs/reacher-pixels/data
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latent_mpc.agent.open_task import open_task
from latent_mpc.configs.command_line import task_settings, write
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import CollectConfig, CollectionConfig
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.collect import collect
from latent_mpc.envs.rollouts import Rollouts


def run(config: CollectConfig) -> int:
    """Collect what is missing in the folder."""
    folder = config.folder()
    _, task = open_task(config.task, config.observations)
    rollouts = gather(task, config.observations, config, config.seed, folder)
    print(f"{len(rollouts)} episodes, {int(rollouts.lengths.sum()):,} control steps of {task.label} in {folder}")
    print(f"next: {write('train', {**task_settings(config.task), 'obs': config.obs, 'data': folder})}")
    return 0


def gather(
    task: TaskConfig,
    observations: tuple[str, ...],
    collection: CollectionConfig,
    seed: int,
    folder: Path,
    notes: Mapping[str, Any] | None = None,
) -> Rollouts:
    """The folder's rollouts, collected as far as they are missing; `task` as `open_task` completes it."""
    workers, options = collection.workers or None, task_options(task, collection)
    behaviour, episodes, patience = collection.behaviour, collection.episodes, collection.patience
    return collect(task.name, options, observations, behaviour, episodes, seed, folder, workers, notes=notes, patience=patience)


def task_options(task: TaskConfig, collection: CollectionConfig) -> dict[str, Any]:
    """What the collecting task is made with. Raises ValueError for a start cell where there are none."""
    if collection.start and not task.name.startswith("pointmaze"):
        raise LatentMPCError(f"start must be empty for {task.name}: only mazes have cells")
    return {**task.options(), **({"start": list(collection.start)} if collection.start else {})}
