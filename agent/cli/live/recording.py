"""What is kept: rollouts like those of `collect`, a film of the last seconds, and the command that
begins the same again.

Shapes: n simulator state, T control steps, H horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latent_mpc.agent.build import Parts
from latent_mpc.agent.cli.live.settings import changed
from latent_mpc.agent.evaluation.episodes import Step
from latent_mpc.agent.evaluation.scenes import show_episode
from latent_mpc.configs.command_line import checkpoint_settings, write
from latent_mpc.configs.structured import from_values
from latent_mpc.configs.tasks import task_config
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.cameras.gl import open_camera
from latent_mpc.envs.collection.collect import Job, describe
from latent_mpc.envs.rollouts.writer import RolloutWriter
from latent_mpc.envs.task import Task
from latent_mpc.envs.video.demo_frame import PICTURE, compose_episode
from latent_mpc.envs.video.encode import write_video

BY_HAND = {"name": "played by hand"}  # the behaviour in the rollouts' meta data


class Recording:
    """Rollouts that are being written; an episode ends where the robot is set elsewhere.

    Raises as `RolloutWriter`.
    """

    def __init__(self, folder: Path, parts: Parts, task: Task, seed: int) -> None:
        settings: Any = parts.config["task"]
        options = from_values(task_config(settings["name"]), settings, "task").options()
        obs = tuple(sorted(parts.config["spaces"]))
        job = Job(settings["name"], options, obs, BehaviourConfig("random"), seed)
        self.writer = RolloutWriter(folder, describe(job, task) | {"behaviour": BY_HAND})
        self.task, self.obs, self.steps = task, obs, 0
        self._rows: list[dict[str, np.ndarray]] = []

    def add(self, step: Step) -> None:
        """A control step."""
        row = {key: step.obs[key][0] for key in self.obs}
        self._rows.append({**row, "action": step.action[0], "physics": step.states[0]})
        self.steps += 1

    def cut(self, state: np.ndarray) -> None:
        """The episode ends in a simulator state `[n]`."""
        if not self._rows:
            return
        last = {**self.task.observation(state), "physics": state}
        last["action"] = np.zeros_like(self._rows[0]["action"])  # belongs to no step
        rows = [*self._rows, last]
        self._rows = []
        self.writer.append({key: np.stack([row[key] for row in rows]) for key in rows[0]})

    def close(self, state: np.ndarray) -> int:
        """Write what is left; how many episodes the folder holds."""
        try:
            self.cut(state)
            return len(self.writer)
        finally:
            self.writer.close()


def write_clip(
    path: Path,
    task: Task,
    states: Sequence[np.ndarray],
    paths: Sequence[np.ndarray],
    goal: np.ndarray,
    title: str,
) -> Path:
    """A film of states `[n]`, T + 1 of them, with the plans `[H, 3]` of the steps between them,
    looking like the demo's.

    Args:
        task: one that nobody else simulates.
    """
    shortest = min(map(len, paths), default=0)
    plans = np.stack([one[:shortest] for one in paths])
    camera = open_camera(task.model, task.view, PICTURE)
    episode = show_episode(
        task, camera, np.stack(states), goal, plans, title=title, index=1, total=1
    )
    return write_video(path, compose_episode(episode), 1 / task.control_period)


def numbered(folder: Path, stem: str, suffix: str) -> Path:
    """The first name `STEM-1SUFFIX`, `STEM-2SUFFIX`, … that is free."""
    number = 1
    while (path := folder / f"{stem}-{number}{suffix}").exists():
        number += 1
    return path


def command_line(
    checkpoint: str,
    task_id: str,
    stored: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Mapping[str, Any]],
    others: Mapping[str, object],
) -> str:
    """The `latent-mpc play` that begins with these settings.

    Args:
        stored: planner and cost where no key is written.
        others: keys beside them.
    """
    keys: dict[str, object] = {**checkpoint_settings(checkpoint, task_id), **others}
    for group, values in settings.items():
        before = stored[group]
        if values["name"] != before["name"]:
            keys[group] = values["name"]
            before = changed(group, before, "name", values["name"])
        for key, value in values.items():
            if before.get(key) != value:
                keys[f"{group}.{key}"] = value
    return write("play", keys)
