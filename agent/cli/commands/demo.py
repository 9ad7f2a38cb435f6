"""Show a robot reaching goals, as a video.

A trained checkpoint is given goals it has never seen; the robot, the goal, the plan and the
distance left are written as a video, with a table on the terminal and the same figures as json
beside the video.

Examples:
    latent-mpc demo
    latent-mpc demo checkpoint=runs/reacher-state episodes=3 pairs.seed=1
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from torch import nn

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.evaluation.episodes import Outcome, Step, begin
from latent_mpc.agent.evaluation.pairs import Pairs, pairs_of
from latent_mpc.agent.evaluation.results import (
    command,
    make_folder,
    require_folder,
    versions,
    write_json,
)
from latent_mpc.agent.evaluation.scenes import show_episode
from latent_mpc.configs.command_line import checkpoint_settings, write
from latent_mpc.configs.schema import DemoConfig
from latent_mpc.envs.cameras.gl import Camera, open_camera
from latent_mpc.envs.progress import track
from latent_mpc.envs.task import Task
from latent_mpc.envs.video.demo_frame import PICTURE, Episode, compose_episode
from latent_mpc.envs.video.encode import write_gif, write_video

GIF_EPISODES = 3


def run(config: DemoConfig) -> int:
    """Play the episodes, write video and json, print the table."""
    folder, name = Path(config.out), Path(config.checkpoint).resolve().name
    require_folder(folder)
    parts = load_parts(config.checkpoint, resolve_device(config.device))
    task = make_task(parts.config, task_id=config.task.id)
    camera = open_camera(task.model, task.view, PICTURE, config.camera.backend)
    agent = make_agent(
        parts, planner=vars(config.planner), cost=vars(config.cost), seed=config.seed
    )
    pairs = pairs_of(task, config.episodes, config.pairs)
    make_folder(folder)  # what can be refused was
    outcome, plans = act(agent, parts.probe, task, pairs)
    title = f"{task.name} from {'+'.join(parts.config['spaces'])}"
    paths, fps = (
        [folder / f"{name}.{kind}" for kind in ("mp4", "gif", "json")],
        1 / task.control_period,
    )

    def episodes() -> Iterator[Episode]:  # one at a time: the scenes of ten are 400 MB
        return scenes(task, camera, pairs, outcome, plans, title)

    report = summary(task, pairs, outcome) | {
        "checkpoint": config.checkpoint,
        "command": command(),
        "versions": versions(),
    }
    write_json(paths[2], report)  # first: a video that fails takes no figures with it
    drawing = track(episodes(), "drawing", config.episodes, "episodes")
    write_video(paths[0], chain.from_iterable(map(compose_episode, drawing)), fps)
    write_gif(
        paths[1],
        chain.from_iterable(map(compose_episode, islice(episodes(), GIF_EPISODES))),
        fps,
        every=2,
    )
    print_report(report)
    then = {
        **checkpoint_settings(config.checkpoint, config.task.id),
        "episodes": 100,
        "pairs.seed": 7,
    }
    print(f"wrote {', '.join(map(str, paths))}\nnext: {write('evaluate', then)}")
    return 0


def act(agent: Agent, probe: nn.Module, task: Task, pairs: Pairs) -> tuple[Outcome, np.ndarray]:
    """Play all episodes at once; returns what happened and, per step and episode, the imagined path
    `[T, B, H, 3]` [m].
    """
    plans: list[np.ndarray] = []

    def watched() -> Iterator[Step]:
        for step in begin(agent, task, pairs.pairs, pairs.steps, progress="reaching goals"):
            with torch.inference_mode():
                plans.append(probe(agent.imagined()).cpu().numpy())
            yield step

    return Outcome.collect(watched(), task, pairs.pairs), np.stack(plans)


def scenes(
    task: Task, camera: Camera, pairs: Pairs, outcome: Outcome, plans: np.ndarray, title: str
) -> Iterator[Episode]:
    """What the video shows of each episode."""
    verdicts, total = outcome.end.tolist(), len(pairs.pairs)
    for i, pair in enumerate(pairs.pairs):
        yield show_episode(
            task,
            camera,
            outcome.states[:, i],
            pair.goal,
            plans[:, i],
            title=title,
            index=i + 1,
            total=total,
            earlier=tuple(verdicts[:i]),
        )


def summary(task: Task, pairs: Pairs, outcome: Outcome) -> dict[str, Any]:
    """The demo's json: how many goals were reached at the end, and each one's distance and
    steps.
    """
    goals = []
    for i, (end, ever) in enumerate(zip(outcome.end.tolist(), outcome.any.tolist(), strict=True)):
        first = int(np.argmax(outcome.reached[:, i])) if ever else None
        goals.append(
            {
                "reached": end,
                "distance": float(outcome.distance[-1, i]),
                "first_reached_step": first,
                "steps": pairs.steps,
            }
        )
    return {
        "task": task.name,
        "reached": int(outcome.end.sum()),
        "episodes": len(goals),
        "unit": task.unit,
        "goals": goals,
    }


def print_report(report: dict[str, Any]) -> None:
    """The same as a table."""
    distance = escape(f"distance at the end [{report['unit']}]")
    table = Table(
        *(
            Column(heading, justify="right")
            for heading in ("goal", "verdict", distance, "first reached at step")
        ),
        title=(
            f"{report['task']}: {report['reached']} of {report['episodes']} goals reached at"
            " the end"
        ),
    )
    for i, goal in enumerate(report["goals"]):
        step = (
            "never"
            if goal["first_reached_step"] is None
            else f"{goal['first_reached_step']} of {goal['steps']}"
        )
        table.add_row(
            str(i + 1),
            "reached" if goal["reached"] else "not reached",
            f"{goal['distance']:.4f}",
            step,
        )
    Console().print(table)
