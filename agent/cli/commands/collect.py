"""Collect rollouts of a task.

Smooth random actions, no expert: several worker processes play whole episodes and append them to a
folder. The same seed gives the same rollouts whatever the number of workers; a second call with the
same `out` goes on where the first one stopped. With `behaviour.name=play` the actions are chosen in
the simulator so that objects are moved; how often they were is printed.

Examples:
    latent-mpc collect task=reacher obs=state episodes=400
    latent-mpc collect task=reacher obs=pixels episodes=400 seed=1 out=runs/reacher-pixels/data
    latent-mpc collect task=reacher obs=pixels episodes=100000 engine=ray
    latent-mpc collect task=tabletop-t obs=state behaviour.name=play episodes=400
"""

from __future__ import annotations

from latent_mpc.agent.build import open_task
from latent_mpc.agent.training.pipeline import gather
from latent_mpc.configs.command_line import task_settings, write
from latent_mpc.configs.schema import CollectConfig
from latent_mpc.envs.rollouts.report import object_motion


def run(config: CollectConfig) -> int:
    """Collect what is missing in the folder."""
    folder = config.folder()
    opened, task = open_task(config.task, config.observations)
    rollouts = gather(task, config.observations, config, config.seed, folder, engine=config.engine)
    print(
        f"{len(rollouts)} episodes, {int(rollouts.lengths.sum()):,} control steps of {task.label}"
        f" in {folder}"
    )
    if moved := object_motion(rollouts, opened):
        print(moved)
    print(
        f"next: {write('train', {**task_settings(config.task), 'obs': config.obs, 'data': folder})}"
    )
    return 0
