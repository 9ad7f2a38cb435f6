"""Writing rollouts: sessions that continue one another, and what kills, full disks and second
writers leave.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.envs.rollouts.rollout_files import META, contents, episode, write


def test_a_second_session_continues_and_gives_the_same_bytes_as_one(tmp_path: Path) -> None:
    write(tmp_path / "once", [5, 3, 9])
    write(tmp_path / "twice", [5])
    write(tmp_path / "twice", [3, 9])
    assert contents(tmp_path / "twice") == contents(tmp_path / "once")


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
    # rows and header written, the index line half way
    for name, after in contents(tmp_path / "whole").items():
        before = (tmp_path / "torn" / name).read_bytes()
        (tmp_path / "torn" / name).write_bytes(
            after[: (len(before) + len(after)) // 2] if name == "episodes.index" else after
        )
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
from latent_mpc.envs.rollouts.writer import RolloutWriter
with RolloutWriter(sys.argv[1], {}) as writer:
    while True:
        number = writer.next_number
        writer.append({"a": np.full((61, 500), number, np.float32), "b": np.full((61, 3), number % 256, np.uint8)})
        print(number, flush=True)
"""


def test_a_killed_writer_loses_no_finished_episode(tmp_path: Path) -> None:
    finished = 0
    for delay in (0.01, 0.031, 0.002, 0.053, 0.0, 0.017):
        process = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(tmp_path / "r")], stdout=subprocess.PIPE, text=True
        )
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


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({**META, "seed": 4}, "seed = 3, asked for 4"),
        (
            {**META, "task": {"name": "reacher", "options": {"size": 32}}},
            "task.options.size = 64, asked for 32",
        ),
        (
            {**META, "task": {"name": "reacher", "options": {}}},
            "task.options.size = 64, asked for null",
        ),
        ({**META, "behaviour": "random"}, 'behaviour = null, asked for "random"'),
    ],
)
def test_continuing_with_other_meta_data_is_refused_by_the_key(
    tmp_path: Path, meta: dict, message: str
) -> None:
    write(tmp_path / "r", [5])
    with pytest.raises(ValueError, match=message):
        RolloutWriter(tmp_path / "r", meta)
    assert len(write(tmp_path / "r", [5])) == 2, "the refusal let the lock go"


def test_other_package_versions_may_continue(tmp_path: Path) -> None:
    write(tmp_path / "r", [5])
    with RolloutWriter(tmp_path / "r", {**META, "versions": {"numpy": "2"}}) as writer:
        assert len(writer) == 1


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with RolloutWriter(tmp_path / "r", META) as writer:
        writer.append(episode(0))
        with pytest.raises(
            BlockingIOError,
            match=rf"is being written by process {os.getpid()} on .*, which holds .*rollouts.lock",
        ):
            RolloutWriter(tmp_path / "r", META)
        writer.append(episode(1))
        assert len(Rollouts(tmp_path / "r")) == 2, "reading meanwhile is allowed"
    assert len(write(tmp_path / "r", [5])) == 3


def test_a_full_disk_leaves_what_was_written_valid(tmp_path: Path) -> None:
    expected = contents(write(tmp_path / "whole", [50] * 4).path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RolloutWriter(tmp_path / "r", META) as writer:
        # the third episode's state does not fit
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 + 51 * 8 * 2 + 100, hard))
        try:
            writer.append(episode(0, 50))
            writer.append(episode(1, 50))
            with pytest.raises(
                OSError,
                match=(
                    r"cannot write episode 2 to .*: File too large; the 2 episodes before it are"
                    r" safe, the same"
                ),
            ):
                writer.append(episode(2, 50))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert contents(tmp_path / "r") == contents(write(tmp_path / "two", [50] * 2).path), (
            "nothing of the third remains"
        )
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
    with pytest.raises(
        OSError, match=r"cannot write rollouts to .*file/r: Not a directory; give another folder"
    ):
        RolloutWriter(tmp_path / "file" / "r", META)


def test_nothing_remains_of_a_folder_in_which_nothing_was_begun(tmp_path: Path) -> None:
    with RolloutWriter(tmp_path / "r", META):
        assert (tmp_path / "r").exists()
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            {"state": np.zeros((6, 3), np.float32)},
            r"must be action float32\[2\].*got an episode .*state float32\[6, 3\]",
        ),
        ({"state": np.zeros((6, 2), np.float64)}, r"got an episode .*state float64\[6, 2\]"),
        ({"state": np.zeros((5, 2), np.float32)}, r"same T \+ 1 rows, got .*state float32\[5, 2\]"),
        ({"more": np.zeros((6, 2), np.float32)}, "got an episode .*more"),
        ({"State": np.zeros((6, 2), np.float32)}, "lower-case name"),
        ({"state": np.float32(0)}, r"same T \+ 1 rows"),
    ],
)
def test_an_episode_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, broken: dict, message: str
) -> None:
    write(tmp_path / "r", [5])
    before = contents(tmp_path / "r")
    with RolloutWriter(tmp_path / "r", META) as writer, pytest.raises(ValueError, match=message):
        writer.append({**episode(1), **broken})
    assert contents(tmp_path / "r") == before
