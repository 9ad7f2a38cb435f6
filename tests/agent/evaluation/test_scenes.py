"""What a video shows of an episode."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from latent_mpc.agent.evaluation.scenes import show_episode
from latent_mpc.envs.cameras.ray import RayCamera
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task

CART = """<mujoco><worldbody><light pos="0 0 3"/><body><joint name="x" type="slide" axis="1 0 0" range="-2 2" limited="true" damping="1"/>
<geom size=".1"/><camera name="follower" pos="0 -2 0" xyaxes="1 0 0 0 0 1"/></body></worldbody>
<actuator><motor joint="x" gear="9" ctrlrange="-1 1" ctrllimited="true"/></actuator></mujoco>"""


def played(task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three steps, a goal, and as paths where the tracked point is at each step."""
    rng = np.random.default_rng(0)
    goal, states = task.draw_state(rng), [task.draw_state(rng)]
    task.restore(states[0])
    for _ in range(3):
        task.apply(np.ones(task.action_width))
        states.append(task.snapshot())
    return (
        np.stack(states),
        goal,
        np.stack([task.tracked_point(state)[None] for state in states[:-1]]),
    )


def test_an_episode_is_shown_with_the_tasks_own_distances_and_verdicts() -> None:
    task = make("reacher")
    states, goal, paths = played(task)
    states[-1] = goal
    shown = show_episode(
        task,
        RayCamera(task.model, task.view, 32),
        states,
        goal,
        paths,
        title="reacher",
        index=2,
        total=3,
        earlier=(True,),
    )
    assert shown.distances == [task.distance(state, goal) for state in states]
    assert list(shown.success) == [task.reached(state, goal) for state in states]
    assert shown.success[-1] and shown.distances[-1] == 0
    np.testing.assert_array_equal(shown.scenes[-1], shown.goal)
    assert [len(plan) for plan in shown.plans] == [1, 1, 1, 0]
    assert (shown.index, shown.total, shown.earlier, shown.unit) == (2, 3, (True,), task.unit)


def test_a_plan_is_drawn_where_a_moving_camera_sees_it_at_that_step(tmp_path: Path) -> None:
    """A camera fixed to the cart sees the cart's centre in the middle of every picture."""
    (tmp_path / "cart.xml").write_text(CART)
    probed = {"control_period": 0.1, "episode_steps": 10, "success": ["x:0.1"]}
    task = make("mjcf", xml=str(tmp_path / "cart.xml"), camera="follower", **probed)
    states, goal, paths = played(task)
    assert np.ptp(paths[..., 0]) > 0.02, "the cart must move"
    shown = show_episode(
        task,
        RayCamera(task.model, task.view, 32),
        states,
        goal,
        paths,
        title="cart",
        index=1,
        total=1,
    )
    np.testing.assert_allclose(np.concatenate(shown.plans), 0.5, atol=1e-6)
    assert shown.goal_point is not None
    np.testing.assert_allclose(shown.goal_point, 0.5, atol=1e-6)
