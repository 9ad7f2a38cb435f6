"""Parts that are fitted when they are asked for: kept beside the weights, never shown for
others.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from latent_mpc.agent.build import make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts, save_parts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation.imagination import pose
from latent_mpc.agent.evaluation.random_episodes import random_episodes
from latent_mpc.agent.heads.decoder import DecoderConfig
from latent_mpc.agent.heads.reader import ReaderConfig
from latent_mpc.agent.training import afterwards
from latent_mpc.agent.training.afterwards import Afterwards, file_name
from latent_mpc.agent.training.pipeline import describe, initialise
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.cameras.ray import RayCamera
from latent_mpc.envs.registry import make

TINY = ["task=reacher", "task.size=16", "model.hidden=8", "model.latent=4", "model.embedding=4"]
TINY += ["model.width=4"]
CONFIG = DecoderConfig(steps=3, width=4, batch=4)
SHAPE = (16, 16, 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with fresh weights for each kind of observation, and rollouts."""
    folder = tmp_path_factory.mktemp("made")
    for obs in ("pixels", "state"):
        config = compose_config("train", [*TINY, f"obs={obs}", "model=jepa"])
        parts = initialise(describe(config, make("reacher", obs=obs, size=16)), 0)
        parts.config |= {"data": {"fingerprint": "0" * 16}, "versions": {}}
        save_parts(parts, folder / obs / "checkpoint")
        task = make_task(parts.config)
        random_episodes(parts, task, 2, 0, folder / obs / "work" / "data", workers=1)
    return folder


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "made"))


def shop(place: Path, obs: str = "pixels") -> Afterwards:
    """As a new call has it."""
    parts, folder = load_parts(place / obs / "checkpoint"), place / obs
    task = make_task(parts.config)
    return Afterwards(parts, task, folder / "checkpoint", folder / "work", episodes=2)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose, "CONFIG", ReaderConfig(hidden=4, steps=2))


def test_a_decoder_is_fitted_once_and_kept(place: Path) -> None:
    first = shop(place)
    decoder = first.decoder(CONFIG, SHAPE, file_name(), None)
    assert first.written == [place / "pixels" / "checkpoint" / "decoder.safetensors"]
    again = shop(place)
    kept = again.decoder(CONFIG, SHAPE, file_name(), None)
    z = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    assert again.written == [] and torch.equal(decoder(z), kept(z))
    with pytest.raises(
        LatentMPCError,
        match="was made with batch=4, not 64, steps=3, not 4; ask for that, or delete",
    ):
        again.decoder(DecoderConfig(steps=4, width=4), SHAPE, file_name(), None)


def test_the_same_seed_fits_the_same_bytes(made: Path, tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        one = shop(Path(shutil.copytree(made, tmp_path / name)))
        one.decoder(CONFIG, SHAPE, file_name(), None)
        files.append(one.written[0].read_bytes())
    assert files[0] == files[1]


def test_a_file_of_other_weights_and_a_damaged_one_are_refused(place: Path) -> None:
    first = shop(place)
    first.decoder(CONFIG, SHAPE, file_name(), None)
    with torch.no_grad():
        next(first.parts.model.parameters()).add_(1.0)
    with pytest.raises(LatentMPCError, match="belongs to another checkpoint's weights; delete"):
        first.decoder(CONFIG, SHAPE, file_name(), None)
    first.written[0].write_bytes(first.written[0].read_bytes()[:100])
    with pytest.raises(LatentMPCError, match="decoder.safetensors is damaged"):
        first.decoder(CONFIG, SHAPE, file_name(), None)


def test_what_cannot_be_written_beside_the_weights_is_kept_with_the_work(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shop(place)
    monkeypatch.setattr(afterwards.os, "access", lambda *_: False)
    first.decoder(CONFIG, SHAPE, file_name(), None)
    assert first.written == [place / "pixels" / "work" / "decoder.safetensors"]
    assert not (shop(place).decoder(CONFIG, SHAPE, file_name(), None).training)


def test_another_camera_is_decoded_from_what_the_first_has_seen(place: Path) -> None:
    one = shop(place)
    side = "view:0:0:0:1:90:-30"
    decoder = one.decoder(CONFIG, SHAPE, file_name(side), RayCamera(one.task.model, side, 16))
    assert one.written[0].name == "decoder-view-0-0-0-1-90--30.safetensors"
    assert not list((place / "pixels" / "work").glob("*.npy")), "the pictures are gone"
    first = one.task.camera.render(one.task.data) / 255
    assert abs(decoder.pictures.mean.numpy() - first).max() > 0.1, "fitted to the side's pictures"


def test_a_pose_is_read_from_states(place: Path) -> None:
    one = shop(place, "state")
    probe = one.pose()
    assert probe(torch.zeros(3, 4)).shape == (3, 4)  # cosines and sines of two hinges
    assert one.written[0].name == "pose.safetensors"
