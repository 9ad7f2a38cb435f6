"""Leaves in pictures: what they are by kind, how much they cover, and that a seed decides them."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.cameras.distractor import EPOCH, Distractor, beginning
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task

KINDS = ("frame", "episode", "moving")


def begun(kind: str, seed: int = 0, size: int = 32, **options) -> Task:
    task = make("reacher", obs="pixels", size=size, distractor=kind, **options)
    task.restore(task.draw_state(np.random.default_rng(seed)))
    return task


def places_at(task: Task, time: float) -> np.ndarray:
    assert task.distractor
    return task.distractor.numbers(time)


def leaves_only(task: Task) -> np.ndarray:
    """Where the picture is not that of a clean task."""
    clean = make("reacher", obs="pixels", size=task.camera.size)
    clean.restore(task.snapshot())
    return (clean.observation()["pixels"] != task.observation()["pixels"]).any(axis=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_a_function_of_the_simulator_state(kind: str) -> None:
    task, other = begun(kind), begun(kind, seed=5)
    for _ in range(3):
        task.apply(np.ones(2))
    state, seen = task.snapshot(), task.observation()["pixels"]
    np.testing.assert_array_equal(other.observation(state)["pixels"], seen)
    task.apply(np.ones(2))
    np.testing.assert_array_equal(task.observation(state)["pixels"], seen)


def test_kinds_differ_in_what_stays() -> None:
    """From step to step the leaves of an episode stay, flying ones move, the others are new."""
    places = {}
    for kind in KINDS:
        task, shown = begun(kind), []
        for _ in range(3):
            task.apply(np.zeros(2))
            shown.append(places_at(task, task.data.time))
        places[kind] = np.stack(shown)
    assert np.ptp(places["episode"], axis=0).max() == 0
    steps = np.linalg.norm(np.diff(places["moving"], axis=0).reshape(2, -1, 2), axis=-1)
    assert (steps > 0.005).all() and (steps < 0.05).sum() >= 6, "0.1 to 0.4 widths/s, 0.1 s apart"
    assert np.abs(np.diff(places["frame"], axis=0)).max() > 0.1


def test_episodes_and_their_goals_have_leaves_of_their_own() -> None:
    task = begun("episode")
    pair = task.draw_pair(np.random.default_rng(1))
    start, goal = (places_at(task, state[0]) for state in (pair.start, pair.goal))
    assert np.abs(start - goal).max() > 0.05
    assert beginning(np.zeros(2)) % EPOCH == 0 and beginning(np.zeros(2)) != beginning(np.ones(2))


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_they_cover_the_stated_share(share: float) -> None:
    covered = [
        leaves_only(begun("episode", seed, size=192, distractor_share=share)).mean()
        for seed in range(12)
    ]
    # the last leaf goes beyond it, and pixels at an edge count whole
    assert share - 0.02 <= np.mean(covered) <= share + 0.05


def test_every_second_leaf_is_behind_the_robot() -> None:
    """A picture of robot all over shows those in front only."""
    leaves = Distractor("episode", 0.3, 0.1).leaves(EPOCH)
    grey = np.full((32, 32, 3), 128, np.uint8)
    hidden = leaves.paint(grey, np.zeros((32, 32), bool))
    seen = leaves.paint(grey, np.ones((32, 32), bool))
    share = [(painted != 128).any(axis=-1).mean() for painted in (hidden, seen)]
    assert 0.05 < share[0] < share[1]


def test_physics_does_not_know_of_them() -> None:
    noisy, clean = begun("moving"), make("reacher")
    clean.restore(clean.draw_state(np.random.default_rng(0)))
    for _ in range(5):
        noisy.apply(np.ones(2))
        clean.apply(np.ones(2))
    np.testing.assert_array_equal(noisy.snapshot()[1:], clean.snapshot()[1:])


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(
        LatentMPCError, match="kind must be one of frame, episode, moving; got 'snow'"
    ):
        make("reacher", distractor="snow")
    with pytest.raises(LatentMPCError, match=r"share must be within \[0.01, 0.9\], got 2"):
        make("reacher", distractor="frame", distractor_share=2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mjcf", {"xml": "docs/examples/three_joint_arm.xml"}),
        ("gymnasium", {"id": "Reacher-v5"}),
        ("mjcf", {"xml": "docs/examples/three_joint_arm.xml", "goals": ["elbow=0.3"]}),
    ],
)
def test_robots_of_others_have_leaves_too(name: str, options: dict[str, object]) -> None:
    """Of an episode: the same all along, others in its goal and in the next."""
    task = make(name, obs="pixels", size=32, distractor="episode", **options)
    pairs = [task.draw_start_and_goal(np.random.default_rng(seed)) for seed in range(2)]
    assert task.distractor
    starts = []
    for pair in pairs:
        task.restore(pair.start)
        before = task.distractor.numbers(task.data.time)
        for _ in range(3):
            task.apply(np.ones(task.action_width))
        np.testing.assert_array_equal(task.distractor.numbers(task.data.time), before)
        assert np.abs(task.distractor.numbers(pair.goal[0]) - before).max() > 0.1
        starts.append(before)
    assert np.abs(starts[0] - starts[1]).max() > 0.1
