"""The baseline that reconstructs: its loss by a slow loop, what its decoders show, and that it
trains, plans and evaluates.
"""

import json

import pytest
import torch

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.models.base import models
from latent_mpc.agent.models.decoders import PictureDecoder
from latent_mpc.agent.models.identity import Identity
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.agent.models.reconstruction import Reconstruction, ReconstructionConfig
from latent_mpc.agent.models.tracks import Tracks
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.agent.training.world_model import train_world_model
from tests.agent.training.test_world_model import gliding, make_config

SHAPES = {"state": (4,), "pixels": (16, 16, 3)}


def make(keys=("state",), **fields) -> Reconstruction:
    torch.manual_seed(0)
    config = ReconstructionConfig(embedding=8, latent=4, hidden=16, width=4, **fields)
    return Reconstruction(config, {key: SHAPES[key] for key in keys}, 2)


def test_the_loss_is_the_error_of_what_is_decoded_by_a_slow_loop():
    model, generator = (
        make(prediction=2.0, reconstruction=3.0).eval(),
        torch.Generator().manual_seed(1),
    )
    torch.nn.init.normal_(model.predictor[-1].weight)
    obs, actions = (
        {"state": torch.randn(5, 6, 4, generator=generator)},
        torch.randn(5, 5, 2, generator=generator),
    )
    model.fit_normalisers(lambda key: obs[key].flatten(0, 1))
    terms = model.loss(obs, actions, progress=0.0, generator=generator).terms
    decoder, z = model.decoders["state"], model.encode(obs)[:, 0]
    target = (obs["state"] - obs["state"].flatten(0, 1).mean(0)) / obs["state"].flatten(0, 1).std(0)
    first = (decoder.layers(z) - target[:, 2]).square().mean()
    errors = []
    for t in range(2, 5):
        z = model.predict(z, actions[:, t])
        errors.append((decoder.layers(z) - target[:, t + 1]).square().mean())
    assert terms["reconstruction"].item() == pytest.approx(first.item(), rel=1e-4)
    assert terms["prediction"].item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-4)
    assert terms["loss"].item() == pytest.approx(
        2 * terms["prediction"].item() + 3 * terms["reconstruction"].item(), rel=1e-5
    )


def test_it_has_the_encoder_memory_and_predictor_of_jepa_to_the_bit():
    torch.manual_seed(0)
    jepa = Jepa(
        JepaConfig(embedding=8, latent=4, hidden=16, width=4), {"state": (4,)}, 2
    ).state_dict()
    ours = make().state_dict()
    shared = [name for name in jepa if not name.startswith("inverse.")]
    assert all(torch.equal(jepa[name], ours[name]) for name in shared)
    assert {name.partition(".")[0] for name in ours if name not in shared} == {"decoders"}


@pytest.mark.slow
@pytest.mark.parametrize("keys", [("state",), ("pixels",), ("pixels", "state")])
def test_training_lowers_the_error_of_what_is_predicted(tmp_path, keys):
    model = make(keys)
    train_world_model(
        model,
        gliding(tmp_path / "r"),
        make_config(steps=151, learning_rate=5e-3),
        1,
        Trainer(tmp_path, 0),
    )
    lines = Metrics(tmp_path / "metrics.jsonl").read()
    assert lines[-1]["prediction"] < 0.9 * lines[0]["prediction"]


def test_pictures_are_decoded_round_their_mean_within_bounds():
    decoder, pictures = (
        PictureDecoder(4, (16, 16, 3), 4),
        torch.randint(0, 256, (7, 16, 16, 3), dtype=torch.uint8),
    )
    decoder.fit(pictures)
    torch.nn.init.zeros_(decoder.layers[-2].weight)
    torch.nn.init.zeros_(decoder.layers[-2].bias)
    mean = pictures.float().mean(dim=0).round().to(torch.uint8)
    assert (decoder(torch.randn(2, 4)).int() - mean.int()).abs().max() <= 1
    error = decoder.error(torch.randn(7, 4), pictures)
    assert error.item() == pytest.approx(1.0, rel=1e-4), (
        "the mean picture misses by the pictures' own variance"
    )


@pytest.mark.slow
def test_it_trains_and_evaluates_by_the_same_commands(tmp_path):
    tiny = [
        "collect.episodes=6",
        "collect.workers=1",
        "model.hidden=16",
        "model.latent=8",
        "model.embedding=8",
        "training.steps=4",
    ]
    tiny += [
        "training.batch=8",
        "cost_to_go.steps=4",
        "cost_to_go.batch=16",
        "probe.steps=2",
        "planner.samples=8",
        "planner.horizon=2",
    ]
    train = [
        "train",
        "task=pointmaze-umaze",
        "model=reconstruction",
        *tiny,
        "validation_episodes=1",
        f"out={tmp_path / 'run'}",
    ]
    assert cli.main(train) == 0
    assert (
        cli.main(
            [
                "evaluate",
                f"checkpoint={tmp_path / 'run'}",
                "episodes=1",
                f"out={tmp_path / 'judged'}",
            ]
        )
        == 0
    )
    assert json.loads((tmp_path / "judged" / "results.json").read_text())["episodes"] == 1


def test_families_are_found_by_name():
    assert models() == {
        "identity": Identity,
        "jepa": Jepa,
        "reconstruction": Reconstruction,
        "tracks": Tracks,
    }
