"""`latent-mpc inspect`: tells what it is, draws it, names what is damaged; and `train` does not
take what is damaged.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.cli.commands.train import open_rollouts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.reader import Rollouts
from tests.factories import refusal

DATA = 256  # bytes before the first row


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rollouts") / "data"
    collect(
        "reacher",
        {"size": 64},
        ("state",),
        BehaviourConfig(),
        5,
        0,
        path,
        workers=1,
        progress=False,
    )
    return path


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    """One bit of episode 3's second state is another."""
    shutil.copytree(whole, tmp_path / "damaged")
    with (tmp_path / "damaged" / "state.npy").open("r+b") as file:
        file.seek(DATA + (3 * 61 + 1) * 20)
        (byte,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 4]))
    return tmp_path / "damaged"


@pytest.mark.parametrize("verify", ["--verify", "verify=true"])
def test_rollouts_are_told_verified_and_drawn(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], verify: str
) -> None:
    assert cli.main(["inspect", str(whole), verify, f"out={tmp_path / 'pictures'}"]) == 0
    out = capsys.readouterr().out
    assert "5 of 60 to 60 control steps, 30 s of experience" in out
    assert "anomaly      none" in out
    assert "every checksum holds" in out
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "pictures").iterdir()}
    assert sizes == {"coverage.png": (600, 600), "frames.png": (44 + 8 * 132 + 4, 5 * 132 + 4)}


def test_a_checkpoint_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", "reacher-pixels"]) == 0
    out = capsys.readouterr().out
    assert '"fingerprint": "12a34c4f8669f31a"' in out
    assert "427,363" in out
    assert "anomaly      none" in out


def test_what_is_neither_is_refused(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, "inspect").startswith("path must be given: latent-mpc inspect PATH")
    assert refusal(capsys, "inspect", tmp_path).startswith(
        f"{tmp_path} holds neither rollouts (meta.json) nor a checkpoint (config.yaml)"
    )
    assert refusal(capsys, "inspect", whole.parent).endswith(f"; its rollouts are in {whole}")
    assert refusal(capsys, "inspect", whole, "twice").startswith(
        "cannot read 'twice': write KEY=VALUE"
    )
    assert refusal(capsys, "inspect", whole, "--verfy").startswith("no option '--verfy'")


def test_damage_is_named_and_not_trained_on_unless_the_episode_is_skipped(
    damaged: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = (
        f"{damaged} is damaged: state of episode 3; restore it from a copy, or train without:"
        " data_skip=[3]"
    )
    assert refusal(capsys, "inspect", damaged, "--verify") == said
    assert (
        refusal(capsys, "train", "task=reacher", f"data={damaged}", f"out={tmp_path / 'run'}")
        == said
    )
    assert not (tmp_path / "run").exists()
    said = refusal(
        capsys,
        "train",
        "task=reacher",
        f"data={damaged}",
        "data_skip=[5]",
        f"out={tmp_path / 'run'}",
    )
    assert (
        said == f"an episode to skip must lie in [0, 5), the finished episodes of {damaged}; got 5"
    )
    said = refusal(capsys, "train", "task=reacher", "data_skip=three", f"out={tmp_path / 'run'}")
    assert said == "data_skip must be a list of integers like [3,5], got 'three'"
    config = compose_config("train", ["task=reacher", f"data={damaged}", "data_skip=[3]"])
    rollouts = open_rollouts(config, make("reacher"))
    assert rollouts.numbers.tolist() == [0, 1, 2, 4]


def test_a_skipped_episode_is_as_if_it_had_not_been_recorded(whole: Path) -> None:
    every, fewer = Rollouts(whole), Rollouts(whole, skip=[3, 0])
    assert len(fewer) == 3
    for i, original in enumerate([1, 2, 4]):
        for key, array in every.episode(original).items():
            np.testing.assert_array_equal(fewer.episode(i)[key], array)
    starts = fewer.starts(np.random.default_rng(0), 500, 61)
    assert set(starts.tolist()) == {61, 122, 244}
    assert len({every.fingerprint, fewer.fingerprint, Rollouts(whole, skip=[3]).fingerprint}) == 3
    assert Rollouts(whole, skip=[]).fingerprint == every.fingerprint


def test_a_terminal_that_lacks_a_sign_shows_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # where a table ends in dots that are one sign
    written = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, buffer in written.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(buffer, encoding="ascii"))
    assert cli.main(["inspect", "reacher-pixels"]) == 0
    sys.stdout.flush()
    assert b"\\u2026" in written["stdout"].getvalue()
    assert cli.main(["inspect", "nöwhere"]) == 2
    sys.stderr.flush()
    assert written["stderr"].getvalue().startswith(b"latent-mpc: ")
