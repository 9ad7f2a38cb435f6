"""A played episode as a video shows it: pictures of its states and of the goal, the imagined paths,
how far it still was.

Shapes: T control steps, n simulator state, H horizon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latent_mpc.envs.cameras.gl import Camera
from latent_mpc.envs.task import Task
from latent_mpc.envs.video.demo_frame import Episode


def show_episode(
    task: Task,
    camera: Camera,
    states: np.ndarray,
    goal: np.ndarray,
    paths: np.ndarray,
    *,
    title: str,
    index: int,
    total: int,
    earlier: Sequence[bool] = (),
) -> Episode:
    """The episode, for `compose_episode`; distances and verdicts are the task's own.

    Args:
        states: after each step, the start included `[T + 1, n]`.
        goal: `[n]`.
        paths: imagined at each step `[T, H, 3]` [m].
        title, index, total, earlier: as `Episode` has them.
    """
    seen = [
        _look(task, camera, state, path)
        for state, path in zip(states, [*paths, paths[0, :0]], strict=True)
    ]
    goal_scene, goal_point = _look(task, camera, goal, task.tracked_point(goal))
    return Episode(
        scenes=[scene for scene, _ in seen],
        goal=goal_scene,
        plans=[places for _, places in seen],
        distances=[task.distance(state, goal) for state in states],
        unit=task.unit,
        control_period=task.control_period,
        success=[task.reached(state, goal) for state in states],
        index=index,
        total=total,
        title=title,
        earlier=earlier,
        goal_point=goal_point,
    )


def _look(
    task: Task, camera: Camera, state: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The picture of a state, and where world points lie in it: a camera may move with the
    robot.
    """
    task.restore(state)
    return camera.render(task.data), camera.project(task.data, points)
