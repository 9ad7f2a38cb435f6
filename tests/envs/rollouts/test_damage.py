"""What was broken in a rollout folder is found and named."""

import json
import os
import zlib
from pathlib import Path

import pytest

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.rollouts.format import meta_file
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from tests.envs.rollouts.rollout_files import META, contents, write


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
                assert found == [
                    (name.removesuffix(".npy"), 0 if at < 256 + 2 * (len(data) - 256) // 5 else 1)
                ]
            else:
                assert isinstance(found, str), (name, at)
                assert name in found or "rollout format version" in found, (name, at, found)
        (tmp_path / "r" / name).write_bytes(data)
    assert Rollouts(tmp_path / "r").verify() == []


@pytest.mark.parametrize(("old", "new"), [('"seed": 3', '"seed": 4'), ('"seed": 3', '"seed":\t3')])
def test_changed_meta_data_are_refused_even_where_they_mean_the_same(
    tmp_path: Path, old: str, new: str
) -> None:
    file = write(tmp_path / "r", [5]).path / "meta.json"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"meta.json was changed after it was written"):
        Rollouts(tmp_path / "r")


@pytest.mark.parametrize(
    "task", [None, "reacher", [], {"name": ["reacher"]}, {"name": "reacher", "options": 3}]
)
def test_a_task_in_the_meta_data_that_is_none_is_refused(tmp_path: Path, task: object) -> None:
    path = write(tmp_path / "r", [5]).path
    meta = {
        key: value
        for key, value in json.loads((path / "meta.json").read_text()).items()
        if key != "crc32"
    }
    (path / "meta.json").write_bytes(meta_file({**meta, "task": task}))
    with pytest.raises(
        ValueError, match=r"meta.json: task must be a name and options by name, got "
    ):
        Rollouts(path)


@pytest.mark.parametrize("rows", [5, 7])
def test_a_header_with_another_number_of_rows_is_refused(tmp_path: Path, rows: int) -> None:
    file = write(tmp_path / "r", [5]).path / "state.npy"
    file.write_bytes(file.read_bytes().replace(b"(6, 2)", f"({rows}, 2)".encode()))
    with pytest.raises(
        ValueError, match=r"state.npy has a damaged header, expected 6 rows of float32\[2\]"
    ):
        Rollouts(tmp_path / "r")


@pytest.mark.parametrize("name", ["state.npy", "episodes.index", "meta.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path / "r", [5, 3])
    (tmp_path / "r" / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        Rollouts(tmp_path / "r")
    with pytest.raises(FileExistsError if name == "meta.json" else FileNotFoundError):
        RolloutWriter(tmp_path / "r", META)


@pytest.mark.parametrize(
    ("name", "cut"), [("state.npy", 1), ("pixels.npy", 60), ("state.npy", 10**6), ("meta.json", 9)]
)
def test_a_truncated_file_is_named(tmp_path: Path, name: str, cut: int) -> None:
    write(tmp_path / "r", [5, 3])
    file = tmp_path / "r" / name
    file.write_bytes(file.read_bytes()[:-cut])
    for opened in (lambda: Rollouts(tmp_path / "r"), lambda: RolloutWriter(tmp_path / "r", META)):
        with pytest.raises(ValueError, match=f"{name} is truncated"):
            opened()


def test_what_is_no_rollouts_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError,
        match=r"no rollouts at .*none: there is no such folder; `latent-mpc collect task=.* makes",
    ):
        Rollouts(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileNotFoundError, match=r"it holds notes.txt and no meta.json"):
        Rollouts(tmp_path)
    with pytest.raises(
        FileExistsError, match=r"holds notes.txt and no rollouts; give a new or an empty folder"
    ):
        RolloutWriter(tmp_path, META)
    assert os.listdir(tmp_path) == ["notes.txt"]
    (tmp_path / "meta.json").write_text('{"format": "other"}')
    with pytest.raises(ValueError, match="must say format 'latent-mpc rollouts'"):
        Rollouts(tmp_path)


def test_another_format_version_is_refused_by_its_number(tmp_path: Path) -> None:
    meta = write(tmp_path / "r", [5]).meta
    (tmp_path / "r" / "meta.json").write_text(json.dumps({**meta, "version": 7}))
    with pytest.raises(
        ValueError, match="has rollout format version 7, this latent-mpc reads 1; collect again"
    ):
        Rollouts(tmp_path / "r")


def test_array_names_and_types_in_the_meta_data_are_not_trusted(tmp_path: Path) -> None:
    meta = write(tmp_path / "r", [5]).meta
    good = {"dtype": "<f4", "shape": [1]}
    for arrays in (
        {"../x": good},
        {"x": {**good, "dtype": "|O"}},
        {"x": {**good, "shape": [-1]}},
        {"x": {**good, "dtype": [0, 0, 0]}},
        {"x": {**good, "dtype": {"names": ["a"], "formats": ["<f4"]}}},
        {"x": {**good, "dtype": "(2,)f4,"}},
        {"x": 3},
        [1],
    ):
        text = json.dumps({**meta, "arrays": arrays}, sort_keys=True, separators=(",", ":"))
        forged = json.dumps(
            {**meta, "arrays": arrays, "crc32": zlib.crc32(text.encode())}, indent=1, sort_keys=True
        )
        (tmp_path / "r" / "meta.json").write_text(forged)
        with pytest.raises(
            LatentMPCError, match=r"lower-case name and rows of numbers|must list arrays"
        ):
            Rollouts(tmp_path / "r")
