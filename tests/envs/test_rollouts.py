"""The rollout format: what was written is read, and what was broken is named."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from latent_mpc.envs.rollout_format import meta_file
from latent_mpc.envs.rollouts import Rollouts, RolloutWriter

META = {"task": {"name": "reacher", "options": {"size": 64}}, "seed": 3, "versions": {"numpy": "1"}}


def episode(number: int, steps: int = 5) -> dict[str, np.ndarray]:
    """Row t of `state` is (number, t); pixels and actions follow from it."""
    t = np.arange(steps + 1)
    state = np.stack([np.full(steps + 1, number), t], axis=1).astype(np.float32)
    return {
        "state": state,
        "pixels": np.full((steps + 1, 2, 3), number, np.uint8) + t[:, None, None].astype(np.uint8),
        "action": 0.5 * state,
    }


def write(path: Path, lengths: list[int]) -> Rollouts:
    with RolloutWriter(path, META) as writer:
        for steps in lengths:
            writer.append(episode(writer.next_number, steps))
    return Rollouts(path)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "rollouts.lock"}


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


def test_a_second_session_continues_and_gives_the_same_bytes_as_one(tmp_path: Path) -> None:
    write(tmp_path / "once", [5, 3, 9])
    write(tmp_path / "twice", [5])
    write(tmp_path / "twice", [3, 9])
    assert contents(tmp_path / "twice") == contents(tmp_path / "once")


def test_windows_are_slices_of_one_of_the_episodes_asked_for(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [5, 2, 9, 7])
    windows = rollouts.windows(np.random.default_rng(0), 300, 4, episodes=[1, 2, 3])
    assert {key: array.shape for key, array in windows.items()} == {"action": (300, 4, 2), "pixels": (300, 4, 2, 3), "state": (300, 4, 2)}
    for b in range(300):
        number, first = windows["state"][b, 0].astype(int)
        source = rollouts.episode(number)
        for key, array in windows.items():
            np.testing.assert_array_equal(array[b], source[key][first : first + 4])
    assert set(windows["state"][..., 0].ravel()) == {2.0, 3.0}, "episode 1 has three rows only, episode 0 was not asked for"


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
def test_windows_that_fit_nowhere_are_refused(tmp_path: Path, length: int, episodes: list[int] | None) -> None:
    rollouts = write(tmp_path / "r", [5, 9])
    with pytest.raises(ValueError, match=f"windows of {length} rows must fit into one of . episodes in .*; the longest has"):
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
def test_a_small_split_leaves_something_to_train_on(tmp_path: Path, episodes: int, held_out: int) -> None:
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


def test_numbers_may_be_skipped_but_not_repeated(tmp_path: Path) -> None:
    with RolloutWriter(tmp_path / "r", META) as writer:
        writer.append(episode(0), number=4)
        with pytest.raises(ValueError, match="at least 5, got 4"):
            writer.append(episode(0), number=4)
    with RolloutWriter(tmp_path / "r", META) as writer:
        writer.append(episode(1))
    assert Rollouts(tmp_path / "r").numbers.tolist() == [4, 5]


def test_a_torn_tail_is_ignored_and_cut_off(tmp_path: Path) -> None:
    write(tmp_path / "whole", [5, 3, 9])
    write(tmp_path / "torn", [5, 3])
    for name, after in contents(tmp_path / "whole").items():  # rows and header written, the index line half way
        before = (tmp_path / "torn" / name).read_bytes()
        (tmp_path / "torn" / name).write_bytes(after[: (len(before) + len(after)) // 2] if name == "episodes.index" else after)
    rollouts = Rollouts(tmp_path / "torn")
    assert len(rollouts) == 2
    assert rollouts.verify() == []
    with RolloutWriter(tmp_path / "torn", META):
        pass
    assert contents(tmp_path / "torn") == contents(write(tmp_path / "clean", [5, 3]).path)
    write(tmp_path / "torn", [9])
    assert contents(tmp_path / "torn") == contents(tmp_path / "whole")


ENDLESS = """
import sys, numpy as np
from latent_mpc.envs.rollouts import RolloutWriter
with RolloutWriter(sys.argv[1], {}) as writer:
    while True:
        number = writer.next_number
        writer.append({"a": np.full((61, 500), number, np.float32), "b": np.full((61, 3), number % 256, np.uint8)})
        print(number, flush=True)
"""


def test_a_killed_writer_loses_no_finished_episode(tmp_path: Path) -> None:
    finished = 0
    for delay in (0.01, 0.031, 0.002, 0.053, 0.0, 0.017):
        process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path / "r")], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        said = [int(line) for line in process.communicate()[0].split("\n")[:-1]]
        rollouts = Rollouts(tmp_path / "r")
        assert len(rollouts) > max([finished, *said])
        assert rollouts.verify() == []
        finished = len(rollouts)
        assert all((rollouts.episode(i)["a"] == i).all() for i in range(finished))


def damage(path: Path) -> list[tuple[str, int]] | str:
    try:
        return Rollouts(path).verify()
    except ValueError as error:
        return str(error)


def test_any_flipped_byte_is_found(tmp_path: Path) -> None:
    write(tmp_path / "r", [1, 2])
    for name, data in contents(tmp_path / "r").items():
        for at in range(len(data)):
            broken = bytearray(data)
            broken[at] ^= 1 << (at % 8)
            (tmp_path / "r" / name).write_bytes(broken)
            found = damage(tmp_path / "r")
            if name.endswith(".npy") and at >= 256:  # two rows of five are the first episode's
                assert found == [(name.removesuffix(".npy"), 0 if at < 256 + 2 * (len(data) - 256) // 5 else 1)]
            else:
                assert isinstance(found, str), (name, at)
                assert name in found or "rollout format version" in found, (name, at, found)
        (tmp_path / "r" / name).write_bytes(data)
    assert Rollouts(tmp_path / "r").verify() == []


@pytest.mark.parametrize(("old", "new"), [('"seed": 3', '"seed": 4'), ('"seed": 3', '"seed":\t3')])
def test_changed_meta_data_are_refused_even_where_they_mean_the_same(tmp_path: Path, old: str, new: str) -> None:
    file = write(tmp_path / "r", [5]).path / "meta.json"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"meta.json was changed after it was written"):
        Rollouts(tmp_path / "r")


@pytest.mark.parametrize("task", [None, "reacher", [], {"name": ["reacher"]}, {"name": "reacher", "options": 3}])
def test_a_task_in_the_meta_data_that_is_none_is_refused(tmp_path: Path, task: object) -> None:
    path = write(tmp_path / "r", [5]).path
    meta = {key: value for key, value in json.loads((path / "meta.json").read_text()).items() if key != "crc32"}
    (path / "meta.json").write_bytes(meta_file({**meta, "task": task}))
    with pytest.raises(ValueError, match=r"meta.json: task must be a name and options by name, got "):
        Rollouts(path)


@pytest.mark.parametrize("rows", [5, 7])
def test_a_header_with_another_number_of_rows_is_refused(tmp_path: Path, rows: int) -> None:
    file = write(tmp_path / "r", [5]).path / "state.npy"
    file.write_bytes(file.read_bytes().replace(b"(6, 2)", f"({rows}, 2)".encode()))
    with pytest.raises(ValueError, match=r"state.npy has a damaged header, expected 6 rows of float32\[2\]"):
        Rollouts(tmp_path / "r")


@pytest.mark.parametrize("name", ["state.npy", "episodes.index", "meta.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path / "r", [5, 3])
    (tmp_path / "r" / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        Rollouts(tmp_path / "r")
    with pytest.raises(FileExistsError if name == "meta.json" else FileNotFoundError):
        RolloutWriter(tmp_path / "r", META)


@pytest.mark.parametrize(("name", "cut"), [("state.npy", 1), ("pixels.npy", 60), ("state.npy", 10**6), ("meta.json", 9)])
def test_a_truncated_file_is_named(tmp_path: Path, name: str, cut: int) -> None:
    write(tmp_path / "r", [5, 3])
    file = tmp_path / "r" / name
    file.write_bytes(file.read_bytes()[:-cut])
    for opened in (lambda: Rollouts(tmp_path / "r"), lambda: RolloutWriter(tmp_path / "r", META)):
        with pytest.raises(ValueError, match=f"{name} is truncated"):
            opened()


def test_what_is_no_rollouts_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no rollouts at .*none: there is no such folder; `latent-mpc collect task=.* makes"):
        Rollouts(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileNotFoundError, match=r"it holds notes.txt and no meta.json"):
        Rollouts(tmp_path)
    with pytest.raises(FileExistsError, match=r"holds notes.txt and no rollouts; give a new or an empty folder"):
        RolloutWriter(tmp_path, META)
    assert os.listdir(tmp_path) == ["notes.txt"]
    (tmp_path / "meta.json").write_text('{"format": "other"}')
    with pytest.raises(ValueError, match="must say format 'latent-mpc rollouts'"):
        Rollouts(tmp_path)


def test_another_format_version_is_refused_by_its_number(tmp_path: Path) -> None:
    meta = write(tmp_path / "r", [5]).meta
    (tmp_path / "r" / "meta.json").write_text(json.dumps({**meta, "version": 7}))
    with pytest.raises(ValueError, match="has rollout format version 7, this latent-mpc reads 1; collect again"):
        Rollouts(tmp_path / "r")


def test_array_names_and_types_in_the_meta_data_are_not_trusted(tmp_path: Path) -> None:
    meta = write(tmp_path / "r", [5]).meta
    good = {"dtype": "<f4", "shape": [1]}
    for arrays in {"../x": good}, {"x": {**good, "dtype": "|O"}}, {"x": {**good, "shape": [-1]}}, {"x": 3}, [1]:
        text = json.dumps({**meta, "arrays": arrays}, sort_keys=True, separators=(",", ":"))
        forged = json.dumps({**meta, "arrays": arrays, "crc32": zlib.crc32(text.encode())}, indent=1, sort_keys=True)
        (tmp_path / "r" / "meta.json").write_text(forged)
        with pytest.raises(ValueError, match=r"lower-case name and rows of numbers|must list arrays"):
            Rollouts(tmp_path / "r")


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({**META, "seed": 4}, "seed = 3, asked for 4"),
        ({**META, "task": {"name": "reacher", "options": {"size": 32}}}, "task.options.size = 64, asked for 32"),
        ({**META, "task": {"name": "reacher", "options": {}}}, "task.options.size = 64, asked for null"),
        ({**META, "behaviour": "random"}, 'behaviour = null, asked for "random"'),
    ],
)
def test_continuing_with_other_meta_data_is_refused_by_the_key(tmp_path: Path, meta: dict, message: str) -> None:
    write(tmp_path / "r", [5])
    with pytest.raises(ValueError, match=message):
        RolloutWriter(tmp_path / "r", meta)
    assert len(write(tmp_path / "r", [5])) == 2, "the refusal let the lock go"


def test_other_package_versions_may_continue(tmp_path: Path) -> None:
    write(tmp_path / "r", [5])
    with RolloutWriter(tmp_path / "r", {**META, "versions": {"numpy": "2"}}) as writer:
        assert len(writer) == 1


def test_required_meta_data_are_compared_by_key(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [5])
    rollouts.require(task={"name": "reacher"}, seed=3)
    with pytest.raises(ValueError, match=r'task.name = "reacher", asked for "pointmaze-umaze"'):
        rollouts.require(task={"name": "pointmaze-umaze"})


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with RolloutWriter(tmp_path / "r", META) as writer:
        writer.append(episode(0))
        with pytest.raises(BlockingIOError, match=rf"is being written by process {os.getpid()} on .*, which holds .*rollouts.lock"):
            RolloutWriter(tmp_path / "r", META)
        writer.append(episode(1))
        assert len(Rollouts(tmp_path / "r")) == 2, "reading meanwhile is allowed"
    assert len(write(tmp_path / "r", [5])) == 3


def test_a_full_disk_leaves_what_was_written_valid(tmp_path: Path) -> None:
    expected = contents(write(tmp_path / "whole", [50] * 4).path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RolloutWriter(tmp_path / "r", META) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 + 51 * 8 * 2 + 100, hard))  # the third episode's state does not fit
        try:
            writer.append(episode(0, 50))
            writer.append(episode(1, 50))
            with pytest.raises(OSError, match=r"cannot write episode 2 to .*: File too large; the 2 episodes before it are safe, the same"):
                writer.append(episode(2, 50))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert contents(tmp_path / "r") == contents(write(tmp_path / "two", [50] * 2).path), "nothing of the third remains"
        writer.append(episode(2, 50))
    assert contents(write(tmp_path / "r", [50]).path) == expected


def test_a_disk_full_from_the_first_byte_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RolloutWriter(tmp_path / "r", META) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(OSError, match="File too large; the 0 episodes"):
                writer.append(episode(0))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "r").exists()
    assert len(write(tmp_path / "r", [5])) == 1


def test_a_writer_killed_while_it_began_is_no_obstacle(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", [5]).path
    for kept in (["meta.json"], ["meta.json", "state.npy"]):
        shutil.rmtree(tmp_path / "r", ignore_errors=True)
        (tmp_path / "r").mkdir()
        shutil.copy(whole / "meta.json", tmp_path / "r")
        for name in kept[1:]:
            (tmp_path / "r" / name).write_bytes(b"\x93NUM")
        assert len(Rollouts(tmp_path / "r")) == 0
        assert contents(write(tmp_path / "r", [5]).path) == contents(whole)


def test_an_unwritable_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write rollouts to .*file/r: Not a directory; give another folder"):
        RolloutWriter(tmp_path / "file" / "r", META)


def test_nothing_remains_of_a_folder_in_which_nothing_was_begun(tmp_path: Path) -> None:
    with RolloutWriter(tmp_path / "r", META):
        assert (tmp_path / "r").exists()
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"state": np.zeros((6, 3), np.float32)}, r"must be action float32\[2\].*got an episode .*state float32\[6, 3\]"),
        ({"state": np.zeros((6, 2), np.float64)}, r"got an episode .*state float64\[6, 2\]"),
        ({"state": np.zeros((5, 2), np.float32)}, r"same T \+ 1 rows, got .*state float32\[5, 2\]"),
        ({"more": np.zeros((6, 2), np.float32)}, "got an episode .*more"),
        ({"State": np.zeros((6, 2), np.float32)}, "lower-case name"),
        ({"state": np.float32(0)}, r"same T \+ 1 rows"),
    ],
)
def test_an_episode_that_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path, broken: dict, message: str) -> None:
    write(tmp_path / "r", [5])
    before = contents(tmp_path / "r")
    with RolloutWriter(tmp_path / "r", META) as writer, pytest.raises(ValueError, match=message):
        writer.append({**episode(1), **broken})
    assert contents(tmp_path / "r") == before


def test_an_episode_out_of_range_is_refused(tmp_path: Path) -> None:
    rollouts = write(tmp_path / "r", [5, 3])
    with pytest.raises(IndexError, match=r"\[0, 2\), .* got 2"):
        rollouts.episode(2)
