"""Habits that people's own environments have: they draw from other generators, edit their model,
raise. What each comes to.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from latent_mpc.agent.cli.main import main
from latent_mpc.envs import registry
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.foreign_code import EnvironmentFailure
from latent_mpc.envs.adapters.frozen_model import FrozenModel
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.task import Task
from tests.envs import habits
from tests.envs.habits import HABITS, XML, Damping

COMPLETE: dict[str, Any] = {
    "control_period": 0.1,
    "episode_steps": 30,
    "success": ["x:0.1"],
    "camera": "view:0:0:0:3:90:-90",
}


@pytest.fixture(autouse=True)
def registered() -> Any:
    for name, habit in HABITS.items():
        gymnasium.register(f"{name}-v0", partial(habit))
    yield
    for name in HABITS:
        gymnasium.registry.pop(f"{name}-v0")


def make(name: str, **options: Any) -> CoordinateTask:
    task = registry.make("gymnasium", id=f"{name}-v0", **COMPLETE | options)
    assert isinstance(task, CoordinateTask)
    return task


def play(task: Task, state: np.ndarray, steps: int = 8) -> np.ndarray:
    """The states along actions that are the same every time `[T, n]`."""
    task.restore(state)
    states = []
    for action in np.random.default_rng(1).uniform(-0.3, 0.3, (steps, task.action_width)):
        task.apply(action)
        states.append(task.snapshot())
    return np.stack(states)


@pytest.mark.parametrize(
    "name",
    [
        "PythonReset",
        "NumpyNoise",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("NoSuper", "GlobalWhenMade", "PythonNoise", "Damping")
        ),
    ],
)
def test_two_runs_of_one_seed_are_equal_and_the_callers_generators_stay(name: str) -> None:
    runs = []
    for run in range(2):
        random.seed(run)
        np.random.seed(run)
        before = random.getstate(), str(np.random.get_state())
        task = registry.make("gymnasium", id=f"{name}-v0")
        pairs = [task.draw_pair(np.random.default_rng(i)) for i in range(2)]
        runs.append(b"".join(pair.start.tobytes() + pair.goal.tobytes() for pair in pairs))
        assert (random.getstate(), str(np.random.get_state())) == before
    assert runs[0] == runs[1]
    assert not np.array_equal(pairs[0].start, pairs[1].start)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "OwnReset",
            r"same seed it must be the same, its state \(qpos\) differs; draw from self.np_random",
        ),
        ("OwnModel", r"its model \(dof_damping\) differs"),
        ("DrawsWhenMade", r"its model \(body_mass\) differs"),
        ("OwnShown", r"its observation\['goal'\] differs"),
        (
            "Leftover",
            (
                r"two resets with one seed must give one state, its state \(qvel\) differs;"
                r" .*mj_resetData"
            ),
        ),
        ("OwnNoise", "from one state the same actions must lead to the same state"),
        ("Gain", "from one state the same actions must lead to the same state"),
    ],
)
def test_what_no_seed_decides_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}-v0: .*{message}") as caught:
        registry.make("gymnasium", id=f"{name}-v0")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["OwnReset", "OwnNoise", "Gain", "Leftover"])
def test_a_task_that_needs_no_probing_refuses_it_too(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}-v0: "):
        make(name)


@pytest.mark.parametrize("name", ["NumpyNoise", "PythonNoise"])
def test_noise_in_a_step_follows_from_the_state_and_is_reported(name: str) -> None:
    task = make(name)
    state = task.draw_state(np.random.default_rng(0))
    first = play(task, state)
    task.draw_state(np.random.default_rng(5))
    assert play(task, state).tobytes() == first.tobytes()
    assert play(task, first[3]).tobytes() != first.tobytes()
    plain = make("Marker")
    # it is noise
    np.testing.assert_array_less(1e-3, np.abs(play(plain, state) - first)[:, 1].max())
    assert any("its step draws random numbers" in line for line in task.about())
    assert not any("its step draws random numbers" in line for line in plain.about())


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Damping", ["dof_damping"]),
        ("Gravity", ["opt.gravity", "opt.viscosity"]),
        ("Drifts", ["dof_damping"]),
        ("Wears", ["dof_damping"]),
        ("Marker", ["body_pos"]),
        ("Colours", ["geom_rgba"]),
    ],
)
def test_an_edited_model_is_kept_so_that_a_state_has_one_physics_and_one_picture(
    name: str, fields: list[str]
) -> None:
    task = make(name, obs=("state", "pixels"), size=32)
    state = task.draw_state(np.random.default_rng(0))
    first, picture = play(task, state), task.observation(state)["pixels"]
    for seed in (1, 2, 3):
        task.draw_state(np.random.default_rng(seed))
        for _ in range(2):
            assert play(task, state).tobytes() == first.tobytes()
        np.testing.assert_array_equal(task.observation(state)["pixels"], picture)
    assert any(
        "kept as reset(seed=0) leaves it" in line and line.endswith(": " + ", ".join(fields))
        for line in task.about()
    )
    again = make(name, obs=("state", "pixels"), size=32)  # in a worker, or from a checkpoint
    assert play(again, state).tobytes() == first.tobytes()
    np.testing.assert_array_equal(again.observation(state)["pixels"], picture)


def test_the_model_is_kept_as_its_own_first_reset_leaves_it() -> None:
    env, task = Damping(), make("Damping")
    env.reset(seed=0)
    assert task.model.dof_damping[0] == env.model.dof_damping[0] != 2.0
    marked = make("Marker")
    marked.begin(np.random.default_rng(0))
    # what follows from the model, too
    np.testing.assert_array_equal(marked.data.xpos[1], marked.model.body_pos[1])


def test_a_model_put_back_is_the_same_to_the_byte() -> None:
    model = mujoco.MjModel.from_xml_string(XML)
    saved = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    after = saved.copy()
    mujoco.mj_saveModel(model, None, saved)
    frozen = FrozenModel(model)
    assert frozen.put_back() == []
    model.geom_friction[1, 0], model.geom_contype[0], model.opt.timestep = 3.0, 1, 0.1
    model.vis.headlight.ambient[:], model.stat.extent = 0.7, 9.0
    assert frozen.put_back() == [
        "geom_contype",
        "geom_friction",
        "vis.headlight.ambient",
        "opt.timestep",
        "stat.extent",
    ]
    mujoco.mj_saveModel(model, None, after)
    np.testing.assert_array_equal(after, saved)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lenient"), [("StepsAfterEnd", "Marker-v0"), ("StrictHopper", "Hopper-v5")]
)
def test_an_environment_that_refuses_to_go_on_after_its_end_goes_on_to_the_same_bytes(
    name: str, lenient: str
) -> None:
    joint = "x" if name == "StepsAfterEnd" else "rootx"
    options = {"control_period": 0.8, "success": [f"{joint}:0.1"]}  # steps enough for the fall
    task = make(name, **options)
    plain = registry.make("gymnasium", id=lenient, **COMPLETE | options)
    state = plain.draw_state(np.random.default_rng(0))
    expected = play(plain, state)
    for _ in range(3):
        assert play(task, state).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Raises", "its step raised ValueError: cart left the rail"),
        ("Asserts", "its step raised AssertionError without a message"),
        ("Exits", "its step raised SystemExit without a message"),
        ("SomeSeeds", r"its reset\(seed=\d+\) raised LookupError: no pose without a collision"),
        ("Unmade", "gymnasium.make raised AssertionError without a message"),
        ("Miscalled", "gymnasium.make raised TypeError: object of type 'int' has no len.*"),
        ("Unequipped", "gymnasium.make raised DependencyNotInstalled: pip install it"),
    ],
)
def test_an_environments_own_error_is_its_own_with_its_place_and_exit_status_2(
    name: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(
        EnvironmentFailure, match=rf"^{name}-v0: {message} \({habits.__file__}:\d+\); "
    ) as caught:
        registry.make("gymnasium", id=f"{name}-v0")
    assert "\n" not in str(caught.value)
    assert ("task.episode_steps" in str(caught.value)) == ("step raised" in message)
    assert (
        main(
            [
                "collect",
                "task=gymnasium",
                f"task.id={name}-v0",
                "episodes=1",
                f"out={tmp_path / 'run'}",
            ]
        )
        == 2
    )
    error = capsys.readouterr().err
    assert error.startswith(f"latent-mpc: {name}-v0: ")
    assert "TRACEBACK" not in error


def test_an_error_while_collecting_names_the_episode_and_whose_it_is(tmp_path: Path) -> None:
    options = {"id": "Raises-v0"} | COMPLETE
    with pytest.raises(
        RuntimeError,
        match=(
            r"^episode \d of gymnasium .* Raises-v0: its step raised ValueError: cart left the rail"
        ),
    ):
        collect(
            "gymnasium",
            options,
            ["state"],
            BehaviourConfig(),
            3,
            0,
            tmp_path / "run",
            workers=1,
            progress=False,
        )
