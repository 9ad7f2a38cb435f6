"""What holds no rollouts of ours is named for what it is, with what would do."""

from pathlib import Path

import pytest

from latent_mpc.agent.cli import main as cli
from latent_mpc.envs.rollouts.reader import Rollouts
from tests.envs.rollouts.rollout_files import write

CONVERT = (
    "; only folders that latent-mpc wrote and local Minari data sets (data=minari:NAME) are read;"
    " write these episodes as such a set"
)


@pytest.mark.parametrize(
    ("data", "there", "said"),
    [
        ("demo.h5", "demo.h5", "it is an HDF5 file" + CONVERT),
        ("demo.HDF5", "demo.HDF5", "it is an HDF5 file" + CONVERT),
        ("demo.npz", "demo.npz", "it is a NumPy archive" + CONVERT),
        ("demo.odd", "demo.odd", "it is a file" + CONVERT),
        ("demo.npz", "", "there is no such file, and it would have to be a folder" + CONVERT),
        ("lerobot:me/so101", "", "lerobot: is no source of data here" + CONVERT),
        ("so101", "so101/meta/info.json", "it is a LeRobot data set" + CONVERT),
        ("set", "set/data/metadata.json", "it is a Minari data set; give data=minari:NAME"),
        (
            "run",
            "run/data/meta.json",
            "it is the folder of a run, its rollouts are in run/data; give that",
        ),
        (
            "notes",
            "notes/a.txt",
            "it holds a.txt and no meta.json; `latent-mpc collect task=... out=notes` makes them",
        ),
        ("none", "", "there is no such folder; `latent-mpc collect task=... out=none` makes them"),
    ],
)
def test_what_data_is_and_what_would_do(
    data: str,
    there: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if there:
        Path(there).parent.mkdir(parents=True, exist_ok=True)
        Path(there).touch()
    assert cli.main(["train", "task=reacher", f"data={data}", "out=new"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"latent-mpc: no rollouts at {data}: {said}")
    assert err.count("\n") == 1
    assert not Path("new").exists()


def test_damage_is_named_by_the_numbers_that_data_skip_takes(tmp_path: Path) -> None:
    write(tmp_path / "r", [5, 3, 9])
    with (tmp_path / "r" / "state.npy").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"damp")
    with pytest.raises(ValueError, match=r"state of episode 2; .*data_skip=\[0,2\]$"):
        Rollouts(tmp_path / "r", [0]).require_whole()
