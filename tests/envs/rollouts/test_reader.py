"""Reading rollouts: episodes, windows, splits, the fingerprint."""

from pathlib import Path

import numpy as np
import pytest

from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.envs.rollouts.rollout_files import META, episode, write


def test_what_was_written_is_read_and_numpy_reads_it_too(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [5, 3, 9])
    assert len(rollouts) == 3
    assert rollouts.lengths.tolist() == [5, 3, 9]
    assert rollouts.offsets.tolist() == [0, 6, 10]
    assert rollouts.meta["task"] == META["task"]
    assert rollouts.keys == ("action", "pixels", "state")
    assert rollouts.verify() == []
    for i, steps in enumerate([5, 3, 9]):
        for key, array in episode(i, steps).items():
            np.testing.assert_array_equal(rollouts.episode(i)[key], array)
            assert rollouts.episode(i)[key].dtype == array.dtype
            assert not rollouts.episode(i)[key].flags.writeable
    flat = np.concatenate([episode(i, steps)["state"] for i, steps in enumerate([5, 3, 9])])
    np.testing.assert_array_equal(np.load(tmp_path / "r" / "state.npy"), flat)


def test_windows_are_slices_of_one_of_the_episodes_asked_for(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [5, 2, 9, 7])
    windows = rollouts.windows(np.random.default_rng(0), 300, 4, episodes=[1, 2, 3])
    assert {key: array.shape for key, array in windows.items()} == {
        "action": (300, 4, 2),
        "pixels": (300, 4, 2, 3),
        "state": (300, 4, 2),
    }
    for b in range(300):
        number, first = windows["state"][b, 0].astype(int)
        source = rollouts.episode(number)
        for key, array in windows.items():
            np.testing.assert_array_equal(array[b], source[key][first : first + 4])
    assert set(windows["state"][..., 0].ravel()) == {
        2.0,
        3.0,
    }, "episode 1 has three rows only, episode 0 was not asked for"


def test_every_window_that_fits_is_equally_likely(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [3, 5])
    rows = rollouts.starts(np.random.default_rng(0), 70_000, 4)
    found, counts = np.unique(rows, return_counts=True)
    assert found.tolist() == [0, 4, 5, 6]
    np.testing.assert_allclose(counts / 70_000, 0.25, atol=0.01)


def test_windows_come_from_the_generator_alone_and_only_the_keys_asked_for(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [5, 9])
    a, b = (rollouts.windows(np.random.default_rng(1), 8, 3, keys=("state",)) for _ in range(2))
    assert list(a) == ["state"]
    np.testing.assert_array_equal(a["state"], b["state"])
    with pytest.raises(KeyError, match=r"no array 'pixel' in .*; there are: action, pixels, state"):
        rollouts.windows(np.random.default_rng(1), 8, 3, keys=("pixel",))


@pytest.mark.parametrize(("length", "episodes"), [(11, None), (0, None), (3, []), (7, [0])])
def test_windows_that_fit_nowhere_are_refused(
    tmp_path: Path, length: int, episodes: list[int] | None
) -> None:
    rollouts = write(tmp_path / "r", [5, 9])
    with pytest.raises(
        ValueError,
        match=f"windows of {length} rows must fit into one of . episodes in .*; the longest has",
    ):
        rollouts.windows(np.random.default_rng(0), 4, length, episodes)


def test_reading_windows_owns_no_more_memory_than_the_batch(tmp_path: Path) -> None:
    with RolloutWriter(tmp_path / "r", {}) as writer:
        for i in range(60):
            writer.append({"pixels": np.full((61, 64, 64, 3), i, np.uint8)})
    rollouts, rng = Rollouts(tmp_path / "r"), np.random.default_rng(0)
    rollouts.windows(rng, 128, 8)
    before = owned_megabytes()
    for _ in range(40):
        rollouts.windows(rng, 128, 8)
    assert owned_megabytes() - before < 26, "45 MB of data, 13 MB a batch"


def owned_megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def test_the_split_is_by_episode_and_complete(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [2] * 50)
    train, validation = rollouts.split(0.2, seed=4)
    assert len(validation) == 10
    assert sorted([*train, *validation]) == list(range(50))
    np.testing.assert_array_equal(rollouts.split(0.2, seed=4)[1], validation)
    assert rollouts.split(0.2, seed=5)[1].tolist() != validation.tolist()
    assert len(rollouts.split(0.0)[1]) == 0
    with pytest.raises(ValueError, match=r"share in \[0, 1\), got 1.5"):
        rollouts.split(1.5)


def test_few_episodes_change_sides_when_data_grows(tmp_path: Path) -> None:
    before = set(write(tmp_path / "r", [2] * 50).split(0.2)[1].tolist())
    after = set(write(tmp_path / "r", [2] * 50).split(0.2)[1].tolist())
    assert len(after) == 20
    assert len({i for i in after if i < 50} ^ before) <= 5


@pytest.mark.parametrize(("episodes", "held_out"), [(1, 0), (2, 1), (3, 1)])
def test_a_small_split_leaves_something_to_train_on(
    tmp_path: Path, episodes: int, held_out: int
) -> None:
    train, validation = write(tmp_path / "r", [2] * episodes).split(0.1)
    assert (len(train), len(validation)) == (episodes - held_out, held_out)


def test_the_fingerprint_follows_data_and_meta(tmp_path: Path) -> None:
    one = write(tmp_path / "a", [5, 5])
    assert one.fingerprint == write(tmp_path / "b", [5, 5]).fingerprint
    assert len(one.fingerprint) == 16
    assert one.fingerprint != write(tmp_path / "a", [5]).fingerprint
    with RolloutWriter(tmp_path / "c", {**META, "seed": 4}) as writer:
        for i in range(2):
            writer.append(episode(i))
    assert one.fingerprint != Rollouts(tmp_path / "c").fingerprint


def test_an_episode_out_of_range_is_refused(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [5, 3])
    with pytest.raises(IndexError, match=r"\[0, 2\), .* got 2"):
        rollouts.episode(2)


def test_a_number_that_is_none_is_named_and_can_be_left_out(tmp_path: Path) -> None:
    with RolloutWriter(tmp_path / "r", META) as writer:
        for i in range(4):
            arrays = {key: array.copy() for key, array in episode(i, 5).items()}
            if i in (1, 3):
                arrays["state"][2, 0] = np.inf
            writer.append(arrays)
    rollouts = Rollouts(tmp_path / "r")
    expected = (
        r"r: episode 1 has NaN or infinity in its state at step 2, 1 more have such faults; mend"
        r" the data, .*data_skip=\[1,3\]$"
    )
    with pytest.raises(ValueError, match=expected):
        rollouts.require_finite(("state", "action"))
    rollouts.require_finite(("pixels", "action"))
    with pytest.raises(ValueError, match=r"episode 3 has .*data_skip=\[1,3\]$"):
        Rollouts(tmp_path / "r", [1]).require_finite(("state",))
    Rollouts(tmp_path / "r", [1, 3]).require_finite(("state",))
