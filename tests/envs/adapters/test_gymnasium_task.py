"""Any Gymnasium environment on MuJoCo as a task: the contract, on Pusher and carts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest

from latent_mpc.agent.oracle import Simulator
from latent_mpc.envs import registry
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from tests.envs.adapters.carts import registered_carts


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    with registered_carts():
        yield


@pytest.fixture(scope="module")
def pusher() -> CoordinateTask:
    task = registry.make("gymnasium", id="Pusher-v5", obs=("state", "pixels"), size=32)
    assert isinstance(task, CoordinateTask)
    return task


def run(task: CoordinateTask, count: int = 15) -> bytes:
    out = []
    for action in np.random.default_rng(0).uniform(-1, 1, (count, task.action_width)):
        obs, _, _, _, info = task.step(action)
        out += [obs[key].tobytes() for key in sorted(obs)] + [
            np.float64(info["distance"]).tobytes(),
            task.snapshot().tobytes(),
        ]
    return b"".join(out)


def test_a_restored_snapshot_continues_to_the_same_bytes_whatever_was_looked_at_in_between(
    pusher: CoordinateTask,
) -> None:
    pusher.reset(seed=0)
    run(pusher)
    state = pusher.snapshot()
    first = run(pusher)
    pusher.restore(state)
    pair = pusher.draw_pair(np.random.default_rng(1))
    pusher.observation(pair.goal), pusher.tracked_point(pair.goal)
    assert run(pusher) == first


def test_a_step_is_the_environments_own(pusher: CoordinateTask) -> None:
    env: Any = gymnasium.make("Pusher-v5").unwrapped
    env.reset(seed=3)
    pusher.begin(np.random.default_rng(0))
    env.set_state(pusher.data.qpos, pusher.data.qvel)
    for action in np.random.default_rng(0).uniform(-1, 1, (10, 7)):
        pusher.apply(action)
        env.step(np.float32(2 * action))  # its bounds are -2 and 2
    np.testing.assert_allclose(pusher.data.qpos, env.data.qpos, atol=1e-9)


def test_pairs_are_at_rest_repeat_with_the_seed_and_leave_alone_what_does_not_count(
    pusher: CoordinateTask,
) -> None:
    first, again = (pusher.draw_pair(np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.goal, again.goal)
    for state in (first.start, first.goal):
        qpos, qvel = pusher.qpos_qvel(state)
        assert not qvel.any()
        pusher.restore(state)
        for _ in range(10):
            pusher.apply(np.zeros(7))
        assert pusher.distance(pusher.snapshot(), state) < 0.1
    start, goal = (pusher.qpos_qvel(state)[0] for state in (first.start, first.goal))
    puck = slice(7, 9)
    assert np.linalg.norm((start - goal)[puck]) > 0.071
    # arm and marker stand where they stood
    np.testing.assert_allclose(np.delete(start, puck), np.delete(goal, puck), atol=1e-6)
    assert not pusher.reached(first.start, first.goal)
    assert pusher.reached(first.goal, first.goal)


def test_what_followed_from_probing_makes_the_same_task_again_without_probing(
    pusher: CoordinateTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = pusher.settings()
    assert (settings["control_period"], settings["episode_steps"]) == (0.05, 60)
    assert settings["success"] == ["body:object.xy:0.071"]
    monkeypatch.setattr("latent_mpc.envs.adapters.time_scale.probe", None)
    again = registry.make("gymnasium", **settings)
    assert again.settings() == settings
    assert any("task.control_period=0.05" in line for line in pusher.about())


def test_an_action_is_held_for_the_control_period_asked_for() -> None:
    task = registry.make("gymnasium", id="Cart-v0", control_period=0.1)
    task.reset(seed=0)
    before = task.data.time
    task.step(np.ones(1))
    assert task.data.time - before == pytest.approx(0.1)
    with pytest.raises(
        ValueError, match=r"task.control_period must be a multiple of its step of 0.02 s, got 0.05"
    ):
        registry.make("gymnasium", id="Cart-v0", control_period=0.05)


def test_pixels_of_several_cameras_are_stacked_and_show_what_the_environment_hid_behind_a_site() -> (
    None
):
    views = "view:0:0:0:3:90:-90+view:0:0:0:3:90:-20"
    task = registry.make("gymnasium", id="Cart-v0", obs=("pixels",), size=16, camera=views)
    pixels = task.reset(seed=0)[0]["pixels"]
    assert task.observation_space["pixels"].shape == pixels.shape == (16, 16, 6)  # type: ignore[index]
    assert pixels.std(axis=(0, 1)).min() > 1
    assert not np.array_equal(pixels[..., :3], pixels[..., 3:])
    np.testing.assert_array_equal(task.render(), pixels[..., :3])


def test_the_oracle_foresees_a_step_that_holds_a_control_and_refuses_one_that_does_more() -> None:
    Simulator(registry.make("gymnasium", id="Cart-v0", control_period=0.1), 1)
    with pytest.raises(
        ValueError,
        match="the oracle cannot foresee PushedCart-v0: its step does more than hold a control",
    ):
        Simulator(registry.make("gymnasium", id="PushedCart-v0", control_period=0.1), 1)


def test_an_environment_that_draws_from_the_global_generator_repeats_too_and_leaves_it_as_it_was() -> (
    None
):
    task, before = (
        registry.make("gymnasium", id="GlobalCart-v0", control_period=0.1),
        str(np.random.get_state()),
    )
    pairs = [task.draw_pair(np.random.default_rng(0)) for _ in range(2)]
    np.testing.assert_array_equal(pairs[0].goal, pairs[1].goal)
    assert str(np.random.get_state()) == before


def test_a_rail_without_limits_is_met_by_the_model_s_size_or_by_the_range_seen_if_named() -> None:
    task = registry.make("gymnasium", id="RailCart-v0")
    assert isinstance(task, CoordinateTask)
    assert task.success.coordinates.tolerance[0] == pytest.approx(0.05 * task.model.stat.extent)
    task = registry.make("gymnasium", id="RailCart-v0", success=["x"])
    assert isinstance(task, CoordinateTask)
    # pushed at up to 5 m/s for 6 s, either way: 60 m at most
    assert 0.5 < task.success.coordinates.tolerance[0] < 3.0
