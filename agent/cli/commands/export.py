"""Write rollouts in another library's format.

minari: a local data set of Minari's (extra minari), without loss; `train data=minari:NAME` reads it
back, as it does any other.

Examples:
    latent-mpc export minari runs/reacher-state/data
    latent-mpc export minari runs/reacher-pixels/data name=me/reacher-v0
"""

from __future__ import annotations

from latent_mpc.configs.command_line import write
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import INCREMENTS
from latent_mpc.configs.schema import ExportConfig
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.rollouts.minari import to_minari
from latent_mpc.envs.rollouts.minari_set import SCHEME
from latent_mpc.envs.rollouts.reader import Rollouts

# of data and task, by train: key -> default
COMPARED: dict[str, object] = {
    "id": "",
    "kwargs": {},
    "xml": "",
    "actions": INCREMENTS,
    "control_period": 0.0,
    "size": TaskConfig.size,
    "distractor": TaskConfig.distractor,
    "distractor_share": TaskConfig.distractor_share,
}


def run(config: ExportConfig) -> int:
    """Export a folder that is whole."""
    rollouts = Rollouts(config.path)
    rollouts.require_whole()
    if not len(rollouts) or "action" not in rollouts.keys:
        raise LatentMPCError(
            f"{config.path} holds no finished episode with actions; there is nothing to export"
        )
    name = config.name or default_name(rollouts)
    to_minari(rollouts, name)
    print(
        f"wrote {len(rollouts)} episodes, {int(rollouts.lengths.sum()):,} control steps as Minari"
        f" data set {name}"
    )
    then = write("train", {**recorded(rollouts), "data": SCHEME + name})
    print(f"next: {then}\nor in Python: minari.load_dataset({name!r})")
    return 0


def default_name(rollouts: Rollouts) -> str:
    """What the data set is called unless something else is asked for: latent-mpc/TASK-OBS-v0."""
    task = rollouts.meta.get("task", {}).get("name", "rollouts")
    return f"latent-mpc/{'-'.join([task, *observed(rollouts)])}-v0"


def recorded(rollouts: Rollouts) -> dict[str, object]:
    """Settings of a command that meets the same task: those that `train` compares with the data."""
    task = rollouts.meta.get("task", {})
    options = {
        f"task.{key}": value
        for key, value in task.get("options", {}).items()
        if value != COMPARED.get(key, value)
    }
    return {
        "task": task.get("name", "NAME"),
        **options,
        "obs": "+".join(sorted(observed(rollouts), reverse=True)),
    }


def observed(rollouts: Rollouts) -> list[str]:
    """The keys of the observations."""
    return [key for key in rollouts.keys if key not in ("action", "physics")]
