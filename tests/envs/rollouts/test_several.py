"""Several folders read as one, against the folder that they merge into."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from latent_mpc.agent.cli import main as cli
from latent_mpc.envs.rollouts.joined_rows import JoinedRows
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from latent_mpc.envs.rollouts.several import SeveralRollouts, folders, open_folders
from tests.envs.rollouts.rollout_files import META, contents, episode
from tests.factories import refusal


def collected(path: Path, first: int, lengths: list[int], **meta: object) -> Path:
    """Episodes that no other folder holds if `first` is its own."""
    with RolloutWriter(path, META | {"seed": first} | meta) as writer:
        for i, steps in enumerate(lengths):
            writer.append(episode(first + i, steps))
    return path


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    collected(tmp_path / "a" / "data", 10, [5, 3])
    collected(tmp_path / "b" / "data", 20, [7])
    collected(tmp_path / "c" / "data", 30, [2, 9, 4])
    return [str(tmp_path / name / "data") for name in "abc"]


def test_several_folders_read_as_the_one_that_they_merge_into(
    three: list[str], tmp_path: Path
) -> None:
    assert cli.main(["merge", *three, f"out={tmp_path / 'all'}"]) == 0
    one, several = Rollouts(tmp_path / "all"), SeveralRollouts(three)
    assert [merged["episodes"] for merged in one.meta["merged"]] == [2, 1, 3]
    assert [merged["seed"] for merged in one.meta["merged"]] == [10, 20, 30]
    assert several.lengths.tolist() == one.lengths.tolist() == [5, 3, 7, 2, 9, 4]
    assert several.offsets.tolist() == one.offsets.tolist()
    assert several.checksums.tolist() == one.checksums.tolist()
    for i in range(len(one)):
        for key, rows in several.episode(i).items():
            np.testing.assert_array_equal(rows, one.episode(i)[key])
            # a view of the memory map, not a copy
            part = next(part for part in several.parts if np.shares_memory(rows, part.arrays[key]))
            assert not part.arrays[key].flags.owndata
    for length in (3, 8):
        windows = [each.windows(np.random.default_rng(0), 40, length) for each in (one, several)]
        for key in one.keys:
            np.testing.assert_array_equal(windows[0][key], windows[1][key])
    assert [side.tolist() for side in one.split(0.5)] == [s.tolist() for s in several.split(0.5)]
    assert several.verify() == [] and len(open_folders(f"[{','.join(three)}]", [0, 5])) == 4
    # once more changes nothing
    before = contents(tmp_path / "all")
    assert cli.main(["merge", *three, f"out={tmp_path / 'all'}"]) == 0
    assert contents(tmp_path / "all") == before


def test_joined_rows_index_as_the_array_that_they_stand_for() -> None:
    parts = [np.arange(first, first + n)[:, None] for first, n in ((0, 3), (3, 0), (3, 1), (4, 4))]
    whole, joined = np.concatenate(parts), JoinedRows(parts)
    assert (joined.shape, len(joined), joined.nbytes) == (whole.shape, 8, whole.nbytes)
    for index in (np.s_[:], np.s_[1:3], np.s_[2:5], np.s_[4:], np.s_[5:5], np.s_[::3], np.s_[-2:]):
        np.testing.assert_array_equal(joined[index], whole[index])
    rows = np.random.default_rng(0).integers(8, size=(5, 2))
    np.testing.assert_array_equal(joined.take(rows, axis=0), whole[rows])
    np.testing.assert_array_equal(joined[rows[:, 0]], whole[rows[:, 0]])
    with pytest.raises(IndexError, match=r"rows must lie in \[0, 8\)"):
        joined.take(np.array([8]))


def test_a_pattern_names_folders_in_their_order(
    three: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert folders("*/data") == folders("[a/data, '*/data']")[1:] == ["a/data", "b/data", "c/data"]
    assert folders("a/data") == ["a/data"]
    assert (
        open_folders("*/data").fingerprint
        == SeveralRollouts(["a/data", "b/data", "c/data"]).fingerprint
    )
    assert (
        open_folders("[a/data,b/data]").fingerprint != open_folders("[b/data,a/data]").fingerprint
    )
    os.mkdir("[odd]")
    assert folders("[odd]") == ["[odd]"]
    with pytest.raises(FileNotFoundError, match=r"no folder is called x/\*/data"):
        folders("x/*/data")
    with pytest.raises(ValueError, match="a folder or a list"):
        folders("[1,2]")


def test_what_does_not_go_together_is_refused_with_the_folder_that_differs(
    three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"out={tmp_path / 'all'}"
    smaller = {"task": {"name": "reacher", "options": {"size": 32}}}
    other = collected(tmp_path / "d", 40, [5], **smaller)
    assert refusal(capsys, "merge", *three, other, out) == (
        f"{other} holds rollouts with task.options.size = 32, asked for 64; change that or give"
        f" another folder that is like the first, {three[0]}"
    )
    assert refusal(capsys, "merge", three[0], three[1], three[0], out) == (
        f"{three[0]} holds an episode that {three[0]} holds too; name each folder once, and collect"
        " each with a seed of its own"
    )
    copy = collected(tmp_path / "e", 20, [7])
    assert f"{copy} holds an episode that {three[1]} holds too" in refusal(
        capsys, "merge", three[1], copy, out
    )
    assert "must be a folder of its own" in refusal(capsys, "merge", *three, f"out={three[0]}")
    for words in ([three[0], out], three, [*three, out, out]):
        assert "two folders or more and out=FOLDER" in refusal(capsys, "merge", *words)
    assert not (tmp_path / "all").exists()


def test_damage_is_told_with_the_folder_that_it_is_in(three: list[str]) -> None:
    file = Path(three[2]) / "state.npy"
    data = bytearray(file.read_bytes())
    data[256 + 3 * 8] ^= 1  # in the second episode's first row
    file.write_bytes(bytes(data))
    with pytest.raises(ValueError) as refused:
        SeveralRollouts(three).require_whole()
    assert f"state of episode 4 (1 of {three[2]})" in str(refused.value)
    assert "data_skip=[4]" in str(refused.value)
    SeveralRollouts(three, [4]).require_whole()
