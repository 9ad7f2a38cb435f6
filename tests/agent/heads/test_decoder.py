"""The decoder: off by default, fitted on frozen latents, and what it shows is drawn."""

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.heads.decoder import Decoder, DecoderConfig
from latent_mpc.agent.heads.head import FrozenData, Sizes
from latent_mpc.agent.training.loop import Trainer
from tests.agent.training.test_world_model import gliding
from tests.factories import refusal

SIZES = Sizes(4, 2, {"pixels": (16, 16, 3)})
TINY = [
    "task=reacher",
    "task.size=16",
    "collect.episodes=6",
    "collect.workers=1",
    "model.hidden=16",
    "model.latent=8",
    "model.embedding=8",
]
TINY += [
    "model.width=4",
    "training.steps=4",
    "training.batch=8",
    "cost_to_go.steps=4",
    "cost_to_go.batch=16",
    "probe.steps=2",
]
TINY += [
    "planner.samples=8",
    "planner.horizon=2",
    "planner.iterations=1",
    "validation_episodes=1",
    "decoder.width=4",
    "decoder.batch=8",
]


@pytest.mark.slow
def test_it_learns_to_show_what_a_latent_stands_for(tmp_path):
    """Latents that are the position of a white square."""
    rollouts = gliding(tmp_path / "r")
    rows = np.arange(len(rollouts.arrays["state"]))
    state = torch.tensor(rollouts.arrays["state"])
    z = torch.cat([(state[:, :2] - 100) / 10, state[:, 2:]], dim=1)
    torch.manual_seed(0)
    decoder = Decoder.build(SIZES, DecoderConfig(steps=600, width=8, learning_rate=3e-3))
    data = FrozenData(z, np.full(len(z), len(z) - 1), rows, rollouts)
    decoder.fit(data, {}, Trainer(tmp_path, 0))
    with torch.no_grad():
        error = decoder.pictures.error(z, torch.tensor(rollouts.arrays["pixels"]))
    assert error < 0.5, "of the pictures' own variance"


def test_it_is_off_by_default_and_needs_pictures():
    assert Decoder.build(SIZES, DecoderConfig()) is None
    with pytest.raises(
        ValueError, match="decoder.steps needs pictures to decode to: give obs=pixels or obs=state"
    ):
        Decoder.build(Sizes(4, 2, {"state": (3,)}), DecoderConfig(steps=1))


@pytest.mark.slow
def test_training_with_a_decoder_draws_what_the_model_imagines(tmp_path, capsys):
    assert (
        cli.main(["train", *TINY, "obs=pixels", "decoder.steps=5", f"out={tmp_path / 'run'}"]) == 0
    )
    assert isinstance(load_parts(tmp_path / "run").heads["decoder"], Decoder)
    picture = iio.imread(tmp_path / "run" / "imagined.png")
    assert picture.shape[0] == 3 * 132 + 4 and picture.std() > 1
    assert cli.main(["inspect", str(tmp_path / "run")]) == 0
    assert "decoder" in capsys.readouterr().out
    said = refusal(
        capsys,
        "train",
        *TINY,
        "obs=state",
        "decoder.steps=5",
        f"out={tmp_path / 'blind'}",
        alone=False,
    )
    assert said.startswith("decoder.steps needs pictures")
