"""Data of others: actions by the set's own space, states by what they are seen to mean, and one
line where neither can be had.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces import Box

from latent_mpc.agent.build import open_task
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.commands.train import open_rollouts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.reader import Rollouts
from tests import factories
from tests.envs.minari_sets import FREE, RNG, play, save, walk, walks

PENDULUM = ["task=gymnasium", "task.id=InvertedPendulum-v5"]
MAZE = ["task=pointmaze-umaze"]
SMALL = [
    *[
        "model.hidden=16",
        "model.latent=8",
        "training.steps=6",
        "training.batch=8",
        "training.horizon=3",
        "cost_to_go.steps=6",
    ],
    *[
        "cost_to_go.batch=16",
        "planner.samples=8",
        "planner.iterations=1",
        "planner.elites=4",
        "validation_episodes=2",
    ],
]
ARM = Path(__file__).parents[3] / "docs" / "examples" / "three_joint_arm.xml"


@pytest.fixture(autouse=True)
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data sets stand in a folder of the test's own."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.chdir(tmp_path)


def opened(data: str, *arguments: str) -> Rollouts:
    config = compose_config("train", [*arguments, f"data={data}", "out=run"])
    task, completed = open_task(config.task, config.observations)
    return open_rollouts(replace(config, task=completed), task)


def refusal(capsys: pytest.CaptureFixture[str], data: str, *arguments: str) -> str:
    """The one line of a data set that must be refused, with nothing left behind."""
    message = factories.refusal(
        capsys, "train", *arguments, f"data={data}", "out=refused", *SMALL, alone=False
    )
    assert not Path("refused").exists()
    return message


# An environment's own observations


@pytest.mark.slow
def test_a_pendulum_that_others_recorded_trains_from_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    env, episodes = play("InvertedPendulum-v5")
    data = save(
        "others/pendulum-v0",
        env.observation_space,
        env.action_space,
        [episode[:2] for episode in episodes],
    )
    assert cli.main(["train", *PENDULUM, f"data={data}", "out=run", *SMALL]) == 0
    assert (
        "states from the observation of InvertedPendulum-v5; played again, its steps miss by 0.0%"
        in capsys.readouterr().out
    )
    rollouts = Rollouts("run/data")
    for i, (shown, actions, infos) in enumerate(episodes):
        episode = rollouts.episode(i)
        np.testing.assert_array_equal(episode["state"], shown.astype(np.float32))
        np.testing.assert_allclose(episode["action"][:-1], actions / 3, rtol=1e-6)
        np.testing.assert_array_equal(episode["physics"][:, 1:3], infos["qpos"])
    # what was imported is data like any other
    assert cli.main(["train", *PENDULUM, "data=run/data", "out=again", *SMALL]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("observed", ["own", "infos"])
def test_an_observation_of_another_layout_becomes_the_tasks_own(observed: str) -> None:
    """Reacher-v5 shows cosines, sines, the target and a difference; the task shows positions and
    velocities.
    """
    env, episodes = play("Reacher-v5")
    if observed == "infos":
        data = save(
            "others/reacher-v0",
            Box(-1, 1, (2,)),
            env.action_space,
            [(walk(31, 2).clip(-1, 1), *rest) for _, *rest in episodes],
        )
    else:
        data = save(
            "others/reacher-v0",
            env.observation_space,
            env.action_space,
            [episode[:2] for episode in episodes],
        )
    rollouts, task = (
        opened(data, "task=gymnasium", "task.id=Reacher-v5"),
        make("gymnasium", id="Reacher-v5"),
    )
    for i, (_, _, infos) in enumerate(episodes):
        episode = rollouts.episode(i)
        turn = infos["qpos"] - episode["physics"][:, 1:5]
        np.testing.assert_allclose(np.sin(turn / 2), 0, atol=1e-6)
        np.testing.assert_allclose(episode["physics"][:, 5:9], infos["qvel"], atol=1e-5)
        np.testing.assert_array_equal(
            episode["state"][7], task.observation(episode["physics"][7])["state"]
        )


def test_pictures_are_taken_at_the_recorded_states() -> None:
    env, episodes = play("InvertedPendulum-v5", steps=3)
    data = save(
        "others/pendulum-v0",
        env.observation_space,
        env.action_space,
        [episode[:2] for episode in episodes],
    )
    rollouts = opened(data, *PENDULUM, "obs=pixels")
    task = make("gymnasium", id="InvertedPendulum-v5", obs=("pixels",))
    episode = rollouts.episode(2)
    np.testing.assert_array_equal(
        episode["pixels"][3], task.observation(episode["physics"][3])["pixels"]
    )


def test_where_velocities_are_clipped_an_episode_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    env, episodes = play("InvertedDoublePendulum-v5", steps=40)
    data = save(
        "others/double-v0",
        env.observation_space,
        env.action_space,
        [episode[:2] for episode in episodes],
    )
    rollouts = opened(data, "task=gymnasium", "task.id=InvertedDoublePendulum-v5")
    assert "6 of 6 episodes are cut to where their states are known" in capsys.readouterr().out
    for i, (_, actions, infos) in enumerate(episodes):
        known = (np.abs(infos["qvel"]) < 10).all(axis=1)
        runs = np.split(np.arange(len(known)), np.flatnonzero(~known))
        longest = max((run[known[run]] for run in runs), key=len)
        episode = rollouts.episode(i)
        np.testing.assert_allclose(episode["physics"][:, 4:7], infos["qvel"][longest], atol=1e-5)
        np.testing.assert_allclose(episode["action"][:-1], actions[longest[:-1]], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "low", "high", "apply", "control"),
    [
        (Box(-1, 1, (1,), np.float64), -1, 1, lambda a: 3 * a, 3.0),  # a wrapper scales
        (Box(-3, 1, (1,)), -3, 1, lambda a: a, 1.0),  # torques, of which some do not occur
        # torques whose bounds were not written
        (Box(-np.inf, np.inf, (1,)), -3, 3, lambda a: a, 1.0),
    ],
)
def test_the_unit_of_actions_is_the_one_in_which_the_steps_come_true(
    space: Box, low: float, high: float, apply: Any, control: float
) -> None:
    env, episodes = play("InvertedPendulum-v5", low, high, apply)
    rollouts = opened(
        save(
            "others/pendulum-v0",
            env.observation_space,
            space,
            [episode[:2] for episode in episodes],
        ),
        *PENDULUM,
    )
    np.testing.assert_allclose(
        rollouts.episode(0)["action"][:-1] * 3, episodes[0][1] * control, atol=1e-5
    )


@pytest.mark.slow
def test_steps_of_another_length_are_refused_with_the_one_that_would_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    env, episodes = play("Hopper-v5")
    data = save("others/hopper-v0", env.observation_space, env.action_space, episodes)
    hopper = ["task=gymnasium", "task.id=Hopper-v5"]
    said = refusal(capsys, data, *hopper)
    assert (
        said == f"data={data} has steps of 0.008 s, the task's are 0.016 s; give"
        " task.control_period=0.008"
    )
    assert len(opened(data, *hopper, "task.control_period=0.008")) == 6


def test_an_environments_observation_that_is_no_state_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    env, episodes = play("Swimmer-v5")
    data = save(
        "others/swimmer-v0",
        env.observation_space,
        env.action_space,
        [e[:2] for e in episodes],
        "Swimmer-v5",
    )
    swimmer = ["task=gymnasium", "task.id=Swimmer-v5"]
    said = refusal(capsys, data, *swimmer)
    assert (
        "has observations of [8], as the observation of Swimmer-v5, without position of slider1,"
        " position of slider2; give" in said
    )
    assert said.endswith("give data of it with qpos and qvel of every step in its infos")
    assert "is of Swimmer-v5, not of Reacher-v5; give task.id=Swimmer-v5" in refusal(
        capsys, data, "task=gymnasium", "task.id=Reacher-v5"
    )
    whole, episodes = play("Swimmer-v5", exclude_current_positions_from_observation=False)
    data = save(
        "others/swimmer-v1",
        whole.observation_space,
        env.action_space,
        [episode[:2] for episode in episodes],
    )
    assert len(opened(data, *swimmer, "task.control_period=0.04")) == 6


def test_numbers_that_fit_and_mean_something_else_are_not_an_environments(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = save("others/walk-v0", FREE, Box(-3, 3, (1,)), walks(RNG.uniform(-3, 3, (20, 1))))
    assert (
        "does not do what InvertedPendulum-v5 does; played again, its steps miss by 1"
        in refusal(capsys, data, *PENDULUM)
    )


# Tasks that have a state of their own


@pytest.mark.slow
def test_data_of_an_mjcf_model_are_known_by_its_steps() -> None:
    task = ["task=mjcf", f"task.xml={ARM}", "task.actions=absolute"]
    config = compose_config("collect", task).task
    options = open_task(config, ("state",))[1].options()
    ours = collect(
        "mjcf",
        options,
        ("state",),
        BehaviourConfig(),
        3,
        0,
        "ours",
        workers=1,
        progress=False,
        steps=12,
    )
    theirs = []
    for i in range(3):
        episode = ours.episode(i)
        theirs.append((episode["physics"][:, 1:7], episode["action"][:-1].astype(np.float64)))
    data = save("others/arm-v0", Box(-np.inf, np.inf, (6,), np.float64), Box(-1, 1, (3,)), theirs)
    rollouts = opened(data, *task)
    for i in range(3):
        np.testing.assert_allclose(
            rollouts.episode(i)["state"], ours.episode(i)["state"], atol=1e-6
        )
        np.testing.assert_array_equal(rollouts.episode(i)["action"], ours.episode(i)["action"])


@pytest.mark.parametrize(("low", "high"), [(-100.0, 100.0), (-3.0, 1.0)])
def test_actions_are_scaled_by_the_sets_own_space(
    low: float, high: float, capsys: pytest.CaptureFixture[str]
) -> None:
    actions = RNG.uniform(low, high, (20, 2)).astype(np.float32)
    rollouts = opened(save("others/wide-v0", FREE, Box(low, high, (2,)), walks(actions)), *MAZE)
    expected = 2 * (actions - low) / (high - low) - 1
    np.testing.assert_allclose(rollouts.episode(3)["action"][:-1], expected, atol=1e-6)
    assert (
        "its observations as they stand, a step of it as 0.1 s: not confirmed; played again"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("space", "actions"),
    [
        (spaces.MultiDiscrete([3, 3]), RNG.integers(0, 3, (20, 2))),
        (spaces.Discrete(2), RNG.integers(0, 2, 20)),
        (spaces.MultiBinary(2), RNG.integers(0, 2, (20, 2))),
        (
            spaces.Dict({"arm": Box(-1, 1, (2,)), "hand": Box(-1, 1, (1,))}),
            {"arm": np.zeros((20, 2)), "hand": np.zeros((20, 1))},
        ),
        (
            spaces.Tuple((Box(-1, 1, (1,)), Box(-1, 1, (1,)))),
            (np.zeros((20, 1)), np.zeros((20, 1))),
        ),
        (spaces.Text(3), ["up"] * 20),
    ],
)
def test_actions_that_are_no_vectors_of_numbers_are_refused(
    space: Any, actions: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data = save("others/odd-v0", FREE, space, [(walk(21, 4), actions)])
    said = refusal(capsys, data, *MAZE)
    assert said.startswith(
        "Minari data set 'others/odd-v0': actions must be a vector of numbers (a Box), got "
        + str(space)[:8]
    )


def test_actions_without_bounds_or_out_of_them_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = save("others/free-v0", FREE, Box(-np.inf, np.inf, (2,)), walks(walk(20, 2)))
    assert "has actions without bounds, so their unit is not known" in refusal(capsys, data, *MAZE)
    good = np.zeros((20, 2), np.float32)
    bad = good.copy()
    bad[5:7, 1] = 1.2
    data = save("others/out-v0", FREE, Box(-1, 1, (2,)), [*walks(good), *walks(bad, 1)])
    said = refusal(capsys, data, *MAZE)
    assert (
        "episode 4 has 2 action numbers outside the set's action space, at step 5 first; clip them"
        " or widen it" in said
    )
    assert said.endswith("train without: data_skip=[4]")


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("key", ["action", "state"])
def test_a_number_that_is_none_is_named(
    number: float, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    episodes = [
        (walk(21, 4).astype(np.float64), walk(20, 2).clip(-1, 1).astype(np.float64))
        for _ in range(5)
    ]
    for i in (1, 3):
        episodes[i][key == "action"][7, 1] = number
    data = save(
        "others/holed-v0",
        Box(-np.inf, np.inf, (4,), np.float64),
        Box(-1, 1, (2,), np.float64),
        episodes,
    )
    said = refusal(capsys, data, *MAZE)
    fault = (
        "2 action numbers"
        if (key, number) == ("action", 1e300)
        else f"NaN or infinity in its {key} at step 7"
    )
    assert said.startswith(f"data={data}: episode 1 has {fault}".replace("2 action", "1 action"))
    assert said.endswith(
        ", 1 more have such faults; mend the data, or train without: data_skip=[1,3]"
    )
    assert refusal(capsys, data, *MAZE, "data_skip=[1]").endswith("data_skip=[1,3]")
    assert opened(data, *MAZE, "data_skip=[1,3]").numbers.tolist() == [0, 2, 4]
    assert "an episode to skip must lie in [0, 5)" in refusal(capsys, data, *MAZE, "data_skip=[5]")


def test_pictures_that_do_not_fit_are_refused_with_advice_that_helps(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for shape, advice in [
        ((3, 64, 64), "its channels come first: write pictures as rows, columns, channels"),
        ((32, 32, 3), "give other data or task.size=32"),
        ((48, 64, 3), "write pictures of 3 channels, as many rows as columns"),
    ]:
        name = f"others/pictures-{shape[0]}-v0"
        data = save(
            name,
            Box(0, 255, shape, np.uint8),
            Box(-1, 1, (2,)),
            [(np.zeros((4, *shape), np.uint8), np.zeros((3, 2)))],
        )
        said = refusal(capsys, data, *MAZE, "obs=pixels")
        assert (
            said == f"data={data} has pixels of {list(shape)}, pointmaze-umaze shows [64, 64, 3];"
            f" {advice}"
        )


def test_a_set_without_spaces_is_refused_before_its_environment_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = save("others/bare-v0", FREE, Box(-1, 1, (2,)), walks(np.zeros((5, 2))))
    metadata = tmp_path / "minari" / "others" / "bare-v0" / "data" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"action_space"', '"former_space"'))
    said = refusal(capsys, data, *MAZE)
    assert said.startswith(
        "Minari data set 'others/bare-v0' cannot be read: its metadata must have observation_space"
        " and action_space"
    )
