"""Futures: what came of actions, from snapshots; those of a file are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latent_mpc.agent.evaluation.imagination.futures import (
    LEAD,
    counterfactual,
    given_futures,
    random_futures,
    simulated,
)
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.registry import make

REPEAT, STEPS = 2, 3


@pytest.fixture
def task():
    return make("reacher")


def test_a_future_is_what_the_simulator_does_with_its_actions(task) -> None:
    futures = random_futures(task, {}, 2, STEPS, REPEAT, seed=3)
    assert futures.lead.shape[:2] == (2, LEAD + 1)
    np.testing.assert_array_equal(futures.lead[:, -1], futures.states[:, 0])
    again = simulated(task, futures.states[:, 0], futures.actions, REPEAT)
    np.testing.assert_array_equal(again.states, futures.states)
    assert futures.actions.shape == (2, STEPS * REPEAT, 2)


def test_a_future_depends_on_the_seed_and_its_number_only(task) -> None:
    few, many = (random_futures(task, {}, count, STEPS, 1, seed=5) for count in (1, 2))
    np.testing.assert_array_equal(few.states[0], many.states[0])
    other = random_futures(task, {}, 1, STEPS, 1, seed=6)
    assert not np.array_equal(other.states[0], few.states[0])


@pytest.mark.parametrize(
    ("what_if", "expected"),
    [
        ("zero", lambda done: 0 * done),
        ("reverse", lambda done: -done),
        ("other", lambda done: done[[1, 0]]),
    ],
)
def test_what_if_goes_on_from_the_same_snapshots_with_other_actions(
    task, what_if, expected
) -> None:
    futures = random_futures(task, {}, 2, STEPS, 1, seed=3)
    other = counterfactual(futures, what_if, task, 1)
    np.testing.assert_array_equal(other.actions, expected(futures.actions))
    np.testing.assert_array_equal(other.lead, futures.lead)
    np.testing.assert_array_equal(other.states[:, 0], futures.states[:, 0])
    assert not np.array_equal(other.states[:, -1], futures.states[:, -1])


def test_actions_come_from_a_file_for_all_or_for_each(task, tmp_path: Path) -> None:
    file, actions = tmp_path / "a.npy", np.linspace(-1, 1, 2 * 4 * 2).reshape(2, 4, 2)
    np.save(file, actions)
    given = given_futures(task, str(file), 2, STEPS, 1, seed=0)
    np.testing.assert_allclose(given.actions, actions[:, :STEPS], rtol=1e-6)
    np.save(file, actions[0])
    np.testing.assert_allclose(
        given_futures(task, str(file), 2, STEPS, 1, seed=0).actions[1],
        actions[0, :STEPS],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((3, 3)),
            r"must hold actions \[T, 2\] or \[2, T, 2\] with T >= 3, got float64 \[3, 3\]",
        ),
        (np.zeros((2, 2)), r"with T >= 3, got float64 \[2, 2\]"),
        (np.zeros((1, 3, 2)), "or give measured=1"),
        (np.full((3, 2), np.nan), r"must hold numbers in \[-1, 1\]"),
        (np.array([["a", "b"]] * 3), "must hold actions"),
    ],
)
def test_another_file_is_refused(task, tmp_path: Path, array, message) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(LatentMPCError, match=message):
        given_futures(task, str(tmp_path / "a.npy"), 2, STEPS, 1, seed=0)


def test_a_file_that_is_none_is_refused_in_words(task, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"\x80\x04]q\x00.")
    with pytest.raises(LatentMPCError, match="a.npy is not a .npy file of numbers"):
        given_futures(task, str(tmp_path / "a.npy"), 2, STEPS, 1, seed=0)
