"""Collect rollouts of a task.

Smooth random actions, no expert: several worker processes play whole episodes and append them to a
folder. The same seed gives the same rollouts whatever the number of workers; a second call with the
same `out` goes on where the first one stopped.

Examples:
    latent-mpc collect task=reacher obs=state episodes=400
    latent-mpc collect task=reacher obs=pixels episodes=400 seed=1 out=runs/reacher-pixels/data
"""

from __future__ import annotations

from latent_mpc.agent.build import open_task
from latent_mpc.agent.training.pipeline import gather
from latent_mpc.configs.command_line import task_settings, write
from latent_mpc.configs.schema import CollectConfig


def run(config: CollectConfig) -> int:
    """Collect what is missing in the folder."""
    folder = config.folder()
    _, task = open_task(config.task, config.observations)
    rollouts = gather(task, config.observations, config, config.seed, folder)
    print(
        f"{len(rollouts)} episodes, {int(rollouts.lengths.sum()):,} control steps of {task.label}"
        f" in {folder}"
    )
    print(
        f"next: {write('train', {**task_settings(config.task), 'obs': config.obs, 'data': folder})}"
    )
    return 0
