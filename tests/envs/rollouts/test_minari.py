"""To Minari and back: the same bytes; and what others wrote is read by its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
import pytest
from minari.data_collector.episode_buffer import EpisodeBuffer

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.commands.train import open_rollouts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.minari import from_minari
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.factories import refusal


@pytest.fixture(autouse=True)
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data sets stand in a folder of the test's own."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.chdir(tmp_path)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "rollouts.lock"}


def foreign(name: str, observations: Any, space: gymnasium.Space, width: int = 2) -> None:
    """A data set of three steps, as another library would write it."""
    ends = np.array([False, False, True])
    buffer = EpisodeBuffer(
        observations=observations,
        actions=np.full((3, width), 0.5),
        rewards=np.ones(3),
        terminations=ends,
        truncations=ends,
    )
    actions = gymnasium.spaces.Box(-1, 1, (width,))
    minari.create_dataset_from_buffers(
        name, [buffer], observation_space=space, action_space=actions
    )


def test_what_was_exported_comes_back_byte_by_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collect(
        "reacher",
        {"size": 16},
        ("state", "pixels"),
        BehaviourConfig(),
        2,
        0,
        tmp_path / "a",
        workers=1,
        progress=False,
        steps=7,
    )
    with RolloutWriter(
        tmp_path / "a",
        {
            key: v
            for key, v in Rollouts("a").meta.items()
            if key not in ("format", "version", "arrays")
        },
    ) as writer:
        writer.append(Rollouts("a").episode(0), number=5)  # numbers may be skipped
    assert cli.main(["export", "minari", "a"]) == 0
    assert (
        "wrote 3 episodes, 21 control steps as Minari data set latent-mpc/reacher-pixels-state-v0"
        in capsys.readouterr().out
    )
    back = from_minari("latent-mpc/reacher-pixels-state-v0", tmp_path / "b")
    assert len(back) == 3
    assert contents(tmp_path / "b") == contents(tmp_path / "a")
    assert cli.main(["export", "minari", "a"]) == 2
    assert (
        "there is a Minari data set 'latent-mpc/reacher-pixels-state-v0' already; give another"
        " name=" in capsys.readouterr().err
    )


def test_minari_reads_an_export_as_it_reads_its_own(tmp_path: Path) -> None:
    rollouts = collect(
        "reacher",
        {},
        ("state",),
        BehaviourConfig(),
        2,
        0,
        tmp_path / "a",
        workers=1,
        progress=False,
        steps=7,
    )
    assert cli.main(["export", "minari", "a", "name=me/arm-v0"]) == 0
    episodes = list(minari.load_dataset("me/arm-v0").iterate_episodes())
    assert [len(episode) for episode in episodes] == [7, 7]
    np.testing.assert_array_equal(episodes[1].observations["state"], rollouts.episode(1)["state"])
    np.testing.assert_array_equal(episodes[1].actions, rollouts.episode(1)["action"][:-1])
    assert episodes[1].truncations.tolist() == [False] * 6 + [True]


@pytest.mark.parametrize("goals", [False, True])
def test_what_another_library_wrote_is_states_and_actions_of_the_task_asked_for(
    tmp_path: Path, goals: bool
) -> None:
    state = np.arange(20.0).reshape(4, 5)
    space: gymnasium.Space = gymnasium.spaces.Box(-np.inf, np.inf, (5,), np.float64)
    if goals:
        space = gymnasium.spaces.Dict(
            {"observation": space, "desired_goal": gymnasium.spaces.Box(-1, 1, (2,))}
        )
    foreign(
        "other/arm-v0",
        {"observation": state, "desired_goal": np.zeros((4, 2))} if goals else state,
        space,
    )
    config = compose_config(
        "train", ["task=reacher", "data=minari:other/arm-v0", f"out={tmp_path / 'run'}"]
    )
    rollouts = open_rollouts(config, make("reacher"))
    np.testing.assert_array_equal(rollouts.episode(0)["state"], state.astype(np.float32))
    np.testing.assert_array_equal(rollouts.episode(0)["action"], [[0.5, 0.5]] * 3 + [[0.0, 0.0]])
    assert rollouts.keys == ("action", "state")
    assert rollouts.meta["minari"] == "other/arm-v0"


def test_what_does_not_fit_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    box = gymnasium.spaces.Box(-np.inf, np.inf, (5,), np.float64)
    foreign("other/one-v0", np.zeros((4, 5)), box, width=3)
    foreign("other/dict-v0", {"speed": np.zeros((4, 5))}, gymnasium.spaces.Dict({"speed": box}))
    said = refusal(capsys, "train", "task=reacher", "data=minari:other/none-v0", "out=a")
    assert said.startswith(
        "no Minari data set 'other/none-v0' here; `minari download other/none-v0` may fetch it;"
        " there are: other/dict-v0"
    )
    said = refusal(capsys, "train", "task=reacher", "data=minari:other/one-v0", "out=b")
    assert said == "data=minari:other/one-v0 has actions of [3], reacher takes [2]; give other data"
    said = refusal(capsys, "train", "task=reacher", "data=minari:other/dict-v0", "out=c")
    assert said.endswith(
        "must be vectors, pictures, or a dict with state, pixels or observation; got speed"
    )
    assert (
        refusal(capsys, "export", "lerobot", "x") == "format must be one of minari; got 'lerobot'"
    )
    assert (
        refusal(capsys, "export", "minari")
        == "path must be given: latent-mpc export FORMAT PATH, a folder of rollouts"
    )
