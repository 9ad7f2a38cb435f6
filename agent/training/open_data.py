"""Open the rollouts that `data=` names; whatever does not fit the task is refused before anything
is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latent_mpc.agent import ranks
from latent_mpc.agent.evaluation.results import make_folder
from latent_mpc.configs.command_line import task_settings, write
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import ABSOLUTE
from latent_mpc.configs.schema import TrainConfig
from latent_mpc.envs.rollouts.fit import require_shapes
from latent_mpc.envs.rollouts.minari import from_minari
from latent_mpc.envs.rollouts.minari_foreign import Reader
from latent_mpc.envs.rollouts.minari_set import SCHEME, MinariSet
from latent_mpc.envs.rollouts.reader import Rollouts, without
from latent_mpc.envs.rollouts.several import open_folders
from latent_mpc.envs.task import Task

# options of a task, mostly of one made of a model, that data of it must share
MODEL = (
    *("id", "kwargs", "fingerprint", "control_period", "actions"),
    *("distractor", "distractor_share"),
)


def open_rollouts(config: TrainConfig, task: Task) -> Rollouts:
    """The rollouts that `data` names, several folders as one; a Minari data set is copied into the
    run's own first.

    Raises ValueError if they are none, of another task, do not hold what the task shows, hold
    numbers that are none, or are damaged.
    """
    where = f"data={config.data}"
    if config.data.startswith(SCHEME):
        rollouts = _imported(config, task, where)
    else:
        rollouts = open_folders(config.data, config.data_skip)
        require_task(where, rollouts.meta, config)
        if not len(rollouts):
            again = write(
                "collect", {**task_settings(config.task), "obs": config.obs, "out": config.data}
            )
            raise LatentMPCError(f"{where} holds no finished episode; {again} goes on with it")
        require_shapes(
            where, {key: array.shape[1:] for key, array in rollouts.arrays.items()}, task
        )
        if "physics" in rollouts.keys and (width := rollouts.arrays["physics"].shape[1:]) != (
            own := task.snapshot().shape
        ):
            raise LatentMPCError(
                f"{where} has simulator states of {list(width)}, {task.name} has {list(own)}; give"
                " other data"
            )
    rollouts.require_whole()
    rollouts.require_finite((*config.observations, "action"))
    return rollouts


def require_task(where: str, meta: Mapping[str, Any], config: TrainConfig) -> None:
    """Raise ValueError unless rollouts of ours are of the task, by their meta data."""
    task = meta.get("task", {})
    if (name := task.get("name")) != config.task.name:
        raise LatentMPCError(
            f"{where} must hold rollouts of {config.task.name}, it holds {name}; give task={name}"
            " or other data"
        )
    # before there was a choice, servos were given commands
    options = {**({"actions": ABSOLUTE} if name == "mjcf" else {}), **task.get("options", {})}
    for key in MODEL:
        actual, expected = options.get(key), config.task.options().get(key)
        if (actual or None) != (expected or None):  # of older data some are missing
            raise LatentMPCError(
                f"{where} must hold rollouts with task.{key}={expected}, it holds {actual}; give"
                " that or other data"
            )


def _imported(config: TrainConfig, task: Task, where: str) -> Rollouts:
    """A Minari data set, copied into the run's data. Raises ValueError before the folder is
    made.
    """
    data, folder = MinariSet(config.data.removeprefix(SCHEME)), config.folder()
    if data.own is not None:
        require_task(where, data.own, config)
        require_shapes(where, data.shapes, task)
        if not len(without(where, len(data), config.data_skip)):
            raise LatentMPCError(f"{where} holds no episode to train on; give other data")
        make_folder(folder)
        ranks.by_first(lambda: from_minari(data, folder / "data"))
        return Rollouts(folder / "data", config.data_skip)
    reader = Reader(data, task, config.data_skip)
    reader.require_sound()
    print(reader.note, flush=True)
    options = {
        key: value
        for key, value in config.task.options().items()
        if key in (*MODEL, "xml", "title")
    }
    make_folder(folder)
    meta = {
        "task": {"name": config.task.name, "options": options},
        "control_period": task.control_period,
    }
    ranks.by_first(lambda: reader.write(folder / "data", meta))
    return Rollouts(folder / "data")
