"""One conformance test over every registered task."""

from __future__ import annotations

import warnings

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from latent_mpc import gymnasium_id
from latent_mpc.envs import registry
from latent_mpc.envs import task as task_module
from latent_mpc.envs.task import Pair, Task

BOTH = ("state", "pixels")


@pytest.fixture(params=sorted(registry.TASKS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def task(name: str) -> Task:
    return registry.make(name)


def actions_of(task: Task, count: int, seed: int = 0) -> np.ndarray:
    """Random actions `[count, A]`, each held for 5 steps: long enough to press against walls and
    limits.
    """
    return np.repeat(
        np.random.default_rng(seed).uniform(-1, 1, (count // 5 + 1, task.model.nu)), 5, axis=0
    )[:count]


def trajectory(task: Task, actions: np.ndarray) -> bytes:
    """Everything that a run of the actions returns and every simulator state on the way, as
    bytes.
    """
    out = []
    for action in actions:
        obs, _, _, _, info = task.step(action)
        out += [obs[key].tobytes() for key in sorted(obs)] + [
            np.float64(info["distance"]).tobytes(),
            task.snapshot().tobytes(),
        ]
    return b"".join(out)


def test_gymnasiums_own_checker_passes_without_a_warning(name):
    env = gymnasium.make(gymnasium_id(name), obs=BOTH, size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # states have no bounds
        warnings.filterwarnings("ignore", message=".*(minimum|maximum) value is .*infinity.*")
        check_env(env.unwrapped)
    assert isinstance(env.unwrapped, Task)
    assert env.unwrapped.name == name


def test_the_same_seed_and_actions_give_the_same_trajectory(name):
    runs = []
    for _ in range(2):
        task = registry.make(name, obs=BOTH, size=16)
        task.reset(seed=5)
        runs.append(trajectory(task, actions_of(task, 40)))
    task.reset(seed=6)
    assert runs[0] == runs[1]
    assert trajectory(task, actions_of(task, 40)) != runs[0]


def test_a_restored_snapshot_continues_to_the_same_bytes(task):
    task.reset(seed=0)
    actions = actions_of(task, 300)
    constrained = 0
    for start in range(0, 300, 30):
        state = task.snapshot()
        constrained += task.data.nefc > 0
        first = trajectory(task, actions[start : start + 30])
        task.restore(state)
        assert task.snapshot().tobytes() == state.tobytes()
        assert trajectory(task, actions[start : start + 30]) == first
    if task.name.startswith("pointmaze"):
        assert constrained, "no snapshot was taken in contact; the test is too gentle"


def test_observing_another_state_leaves_the_run_as_it_was(task):
    task.reset(seed=0)
    actions, other = actions_of(task, 60), task.draw_state(np.random.default_rng(1))
    state = task.snapshot()
    first = trajectory(task, actions)
    task.restore(state)
    seen = task.observation(other)["state"]
    (
        task.tracked_point(other),
        task.rest_state(task.qpos_qvel(other)[0]),
        task.draw_pair(np.random.default_rng(2)),
    )
    assert trajectory(task, actions) == first
    task.restore(other)
    np.testing.assert_array_equal(seen, task.observation()["state"])


def test_observations_are_finite_inside_their_space_and_not_constant(name):
    task, seen = registry.make(name, obs=BOTH), []
    tries = 6 if name.startswith("tabletop") else 1  # until an object was touched, too
    for count, action in enumerate(actions_of(task, 60 * tries)):
        if count % 60 == 0:
            seen.append(task.reset(seed=count)[0])
        obs, reward, terminated, _, info = task.step(action)
        assert (reward, terminated) == (0.0, False)
        assert obs in task.observation_space
        assert info["goal"] in task.observation_space
        seen.append(obs)
    states, pixels = (
        np.array([obs["state"] for obs in seen]),
        np.array([obs["pixels"] for obs in seen]),
    )
    assert np.isfinite(states).all()
    fixed = states.std(axis=0) <= 1e-3
    if name == "tabletop-cup":
        fixed[4:8] = False  # height and tilt of a cup that did not fall
    assert not fixed.any(), "a coordinate of the state never changes"
    assert pixels.std(axis=0).max() > 10
    assert pixels.std(axis=(1, 2)).min() > 1, "a picture of one colour"


@pytest.mark.parametrize("obs", [("state",), ("pixels",), BOTH])
def test_the_observation_has_just_the_keys_asked_for(name, obs):
    task = registry.make(name, obs=obs, size=16)
    observation, info = task.reset(seed=0)
    assert set(observation) == set(info["goal"]) == set(obs)
    assert observation in task.observation_space


def test_both_keys_are_what_each_gives_alone(name):
    both = registry.make(name, obs=BOTH).reset(seed=0)[0]
    for key in BOTH:
        np.testing.assert_array_equal(
            both[key], registry.make(name, obs=(key,)).reset(seed=0)[0][key]
        )


def test_starts_and_goals_are_states_at_rest_inside_the_limits(task):
    rng = np.random.default_rng(0)
    for _ in range(30):
        task.restore(state := task.draw_state(rng))
        qpos, qvel = task.qpos_qvel(state)
        limited = task.model.jnt_limited.astype(bool)
        low, high = task.model.jnt_range[limited].T
        there = qpos[task.model.jnt_qposadr[limited]]
        assert not qvel.any()
        assert ((low <= there) & (there <= high)).all()
        touching = task.model.geom_bodyid[task.data.contact.geom]
        assert (
            (touching.min(axis=1) == 0).all() if task.name == "tabletop-cup" else not len(touching)
        )
        for _ in range(20):
            task.apply(np.zeros(task.model.nu))
        np.testing.assert_allclose(task.qpos_qvel(task.snapshot())[0], qpos, atol=1e-3)


def test_no_pair_is_solved_at_the_start_and_every_goal_is_reached_at_the_goal(task):
    rng = np.random.default_rng(0)
    for _ in range(100):
        pair = task.draw_pair(rng)
        assert not task.reached(pair.start, pair.goal)
        assert task.reached(pair.goal, pair.goal)
        assert task.distance(pair.goal, pair.goal) == 0.0


def test_a_task_whose_every_pair_is_solved_is_refused(task, monkeypatch):
    monkeypatch.setattr(task, "reached", lambda state, goal: True)
    monkeypatch.setattr(task_module, "MAX_DRAWS", 50)
    with pytest.raises(ValueError, match=f"{task.name}: none of 50 pairs was unsolved"):
        task.draw_pair(np.random.default_rng(0))


def test_pixels_of_two_different_states_differ(name):
    task, rng = registry.make(name, obs=("pixels",)), np.random.default_rng(0)
    states = [task.draw_state(rng) for _ in range(8)]
    pictures = {task.observation(state)["pixels"].tobytes() for state in states}
    assert len(pictures) == len(states)


def test_the_picture_after_a_step_is_that_of_the_state_after_the_step(name):
    task = registry.make(name, obs=BOTH)
    task.reset(seed=0)
    for action in actions_of(task, 6):
        obs = task.step(action)[0]
    for key, value in task.observation(task.snapshot()).items():
        np.testing.assert_array_equal(obs[key], value)


def test_the_goal_and_success_of_the_info_belong_to_the_pair(task):
    pair = task.draw_pair(np.random.default_rng(3))
    obs, info = task.reset(options={"pair": pair})
    np.testing.assert_array_equal(info["goal"]["state"], task.observation(pair.goal)["state"])
    np.testing.assert_array_equal(obs["state"], task.observation(pair.start)["state"])
    assert (info["success"], info["distance"]) == (False, task.distance(pair.start, pair.goal))
    _, info = task.reset(options={"pair": Pair(pair.goal, pair.goal)})
    assert (info["success"], info["distance"]) == (True, 0.0)


def test_an_episode_is_truncated_at_its_length_and_never_before(task):
    task.reset(seed=0)
    truncated = [task.step(np.zeros(task.model.nu))[3] for _ in range(task.episode_steps)]
    assert truncated == [False] * (task.episode_steps - 1) + [True]


def test_full_actions_are_the_motors_full_range_and_more_is_clipped(task):
    task.reset(seed=0)
    task.apply(np.full(task.model.nu, 7.0))
    np.testing.assert_array_equal(task.data.ctrl, task.model.actuator_ctrlrange[:, 1])
    task.apply(-np.ones(task.model.nu))
    np.testing.assert_array_equal(task.data.ctrl, task.model.actuator_ctrlrange[:, 0])


def test_a_control_step_lasts_the_control_period(task):
    task.reset(seed=0)
    before = task.data.time
    task.apply(np.zeros(task.model.nu))
    assert task.data.time - before == pytest.approx(task.control_period)


def test_the_tracked_point_moves_with_the_state_and_is_in_the_picture(task):
    rng = np.random.default_rng(0)
    states = np.stack([task.draw_state(rng) for _ in range(50)])
    points = np.stack([task.tracked_point(state) for state in states])
    np.testing.assert_allclose(task.tracked_point(states), points, atol=1e-12)
    shares = task.camera.project(task.data, points)
    assert ((shares > 0) & (shares < 1)).all()
    assert (shares.std(axis=0) > 0.1).all(), "the picture is not framed tightly"


def test_steps_to_go_is_zero_at_the_goal_and_only_there(task):
    rng = np.random.default_rng(0)
    goal, states = task.draw_state(rng), np.stack([task.draw_state(rng) for _ in range(200)])
    steps = task.steps_to_go(states, goal)
    assert np.isfinite(steps).all()
    assert steps.shape == (200,)
    assert (steps > 0).all()
    assert task.steps_to_go(goal[None], goal)[0] == pytest.approx(0.0, abs=1e-9)
    one_by_one = [task.steps_to_go(state[None], goal)[0] for state in states]
    np.testing.assert_allclose(steps, one_by_one, rtol=1e-12)


# a push has to be prepared: tests/envs/test_tabletop.py plays the controller
@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in sorted(registry.TASKS) if "tabletop" not in n])
def test_going_down_steps_to_go_one_step_at_a_time_in_the_simulator_reaches_the_goal(task):
    """No local minimum holds a planner that looks a single step ahead, and the estimate is of the
    right size.
    """
    grid = np.stack(
        np.meshgrid(*[[-1.0, -0.4, -0.1, -0.03, 0.0, 0.03, 0.1, 0.4, 1.0]] * task.model.nu), axis=-1
    ).reshape(-1, task.model.nu)
    for index in range(2):
        pair = task.draw_pair(np.random.default_rng([0, index]))
        task.restore(pair.start)
        expected, reached_after = task.steps_to_go(pair.start[None], pair.goal)[0], None
        for step in range(task.episode_steps):
            best = greedy(task, grid, pair.goal)
            task.apply(best)
            if reached_after is None and task.reached(task.snapshot(), pair.goal):
                reached_after = step + 1
        assert reached_after is not None, f"pair {index} never reached"
        assert task.reached(task.snapshot(), pair.goal), f"pair {index} left again"
        assert 0.4 * expected - 3 <= reached_after <= 1.5 * expected + 10


def greedy(task: Task, actions: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The action after which `steps_to_go` is least, each tried in the simulator."""
    here, after = task.snapshot(), []
    for action in actions:
        task.apply(action)
        after.append(task.snapshot())
        task.restore(here)
    return actions[np.argmin(task.steps_to_go(np.stack(after), goal))]


@pytest.mark.parametrize("action", [np.zeros(3), np.array([np.nan, 0.0]), np.zeros((1, 2))])
def test_a_malformed_action_is_refused(task, action):
    task.reset(seed=0)
    with pytest.raises(ValueError, match=r"action must be 2 finite numbers in \[-1, 1\], got"):
        task.step(action)


def test_a_snapshot_of_another_model_is_refused(task):
    with pytest.raises(ValueError, match="it belongs to another model"):
        task.restore(np.zeros(3))


def test_unknown_names_are_answered_with_the_valid_ones():
    with pytest.raises(
        KeyError,
        match="no task 'reachr'; there are: gymnasium, mjcf, pointmaze-giant, pointmaze-large",
    ):
        registry.make("reachr")
    with pytest.raises(ValueError, match="obs must be one or more of state, pixels, got images"):
        registry.make("reacher", obs=("images",))
    with pytest.raises(ValueError, match="size must be at least 16 pixels, got 4"):
        registry.make("reacher", obs=("pixels",), size=4)


def test_gymnasium_names_are_words():
    assert gymnasium_id("pointmaze-umaze") == "latent_mpc/PointMazeUmaze-v0"
    assert gymnasium_id("reacher") == "latent_mpc/Reacher-v0"


def test_a_run_in_python_is_the_run_of_mujocos_own_rollout(task):
    """The oracle plans with `mujoco.rollout`; it must see the physics that `step` has."""
    from mujoco import rollout

    task.reset(seed=0)
    start, actions = task.snapshot(), actions_of(task, 20)
    control = np.repeat(actions, task.substeps, axis=0)[None]
    states, _ = rollout.rollout(
        task.model, [mujoco.MjData(task.model)], np.array([full_physics(task, start)]), control
    )
    for action in actions:
        task.apply(action)
    np.testing.assert_allclose(states[0, -1, 1 : 1 + task.model.nq], task.data.qpos, atol=1e-6)


def full_physics(task: Task, state: np.ndarray) -> np.ndarray:
    task.restore(state)
    out = np.empty(mujoco.mj_stateSize(task.model, mujoco.mjtState.mjSTATE_FULLPHYSICS))
    mujoco.mj_getState(task.model, task.data, out, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    return out
