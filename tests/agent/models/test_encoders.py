"""Encoders by key and name: where things are, and networks that are neither trained nor saved."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from latent_mpc.agent.models.backbones.vit import Vit, VitConfig
from latent_mpc.agent.models.encoders.conv import as_patches
from latent_mpc.agent.models.encoders.encoder import EncoderConfig, encoders
from latent_mpc.agent.models.encoders.spatial import SpatialEncoder
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.agent.training.features import with_features
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.agent.training.world_model import train_world_model
from tests.agent.training.test_world_model import gliding, make_config

SMALL = VitConfig(patch=4, width=12, depth=2, heads=3, trained_grid=3, side=16, grid=2)
PIXELS = {"pixels": (16, 16, 3)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A frozen network on disk."""
    return write(tmp_path / "vit", 0)


def write(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    network = Vit(SMALL)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    path.mkdir()
    save_file(
        {**network.state_dict(), "mask_token": torch.zeros(1, 12)}, path / "model.safetensors"
    )
    (path / "config.yaml").write_text(yaml.safe_dump({"network": "vit", **asdict(SMALL)}))
    return path


def make(folder: Path, digest: str = "") -> Jepa:
    torch.manual_seed(0)
    encoder = EncoderConfig(pixels="frozen", folder=str(folder), digest=digest)
    return Jepa(JepaConfig(embedding=8, latent=4, hidden=16, encoder=encoder), PIXELS, 2)


def test_encoders_are_found_by_key_and_name():
    assert encoders().keys() == {
        ("state", "mlp"),
        ("pixels", "conv"),
        ("pixels", "spatial"),
        ("pixels", "slots"),
        ("pixels", "frozen"),
    }
    with pytest.raises(
        KeyError, match="no encoder 'dense' of pixels; there are: conv, frozen, slots, spatial"
    ):
        EncoderConfig(pixels="dense")


# Spatial


def test_a_keypoint_is_where_its_map_is_bright():
    """A map that is the brightness itself: its expected place follows a bright patch, to the left
    of the middle and to the right.
    """
    encoder = SpatialEncoder((32, 32, 3), JepaConfig(embedding=4, width=4))
    with torch.no_grad():
        for layer in (encoder.maps[1], encoder.maps[3], encoder.maps[5]):
            layer.weight.zero_()
            layer.bias.zero_()
        encoder.maps[1].weight[0, :, 1, 1] = 1.0  # the sum over a patch
        encoder.maps[3].weight[0, 0, 1, 1] = 1.0
        encoder.maps[5].weight[0, 0, 0, 0] = 1.0
    pixels = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    pixels[0, 4:8, 8:12] = 255  # row 1, column 2 of 8
    pixels[1, 24:28, 20:24] = 255  # row 6, column 5
    places, strength = encoder.keypoints(pixels)
    wanted = torch.tensor([[2 / 7 * 2 - 1, 1 / 7 * 2 - 1], [5 / 7 * 2 - 1, 6 / 7 * 2 - 1]])
    torch.testing.assert_close(places[:, 0], wanted, rtol=0, atol=1e-3)
    assert (strength[:, 0] > 1).all()
    assert encoder(pixels).shape == (2, 4)


def test_spatial_features_train_by_a_gradient_in_every_weight():
    encoder = SpatialEncoder((16, 16, 3), JepaConfig(embedding=4, width=4))
    encoder(torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8)).square().sum().backward()
    assert all(bool(parameter.grad.any()) for parameter in encoder.parameters())


# The vision transformer


def test_a_transformer_is_its_textbook_loop():
    """One block at a time and one head at a time, in plain matrix products."""
    torch.manual_seed(0)
    network = Vit(SMALL).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    pixels = torch.randint(0, 256, (2, 16, 16, 3), dtype=torch.uint8)
    with torch.no_grad():
        found = network(pixels)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        picture = (pixels / 255.0 - mean) / std
        kernel = network.patch_embed.proj
        grid = torch.stack(
            [
                picture[:, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4].permute(0, 3, 1, 2).flatten(1)
                for r in range(4)
                for c in range(4)
            ],
            1,
        )
        places = network.pos_embed[:, 1:].unflatten(1, (3, 3)).permute(0, 3, 1, 2)
        places = (
            torch.nn.functional.interpolate(places, size=(4, 4), mode="bicubic")
            .flatten(2)
            .transpose(1, 2)
        )
        tokens = grid @ kernel.weight.flatten(1).T + kernel.bias + places
        x = torch.cat([(network.cls_token + network.pos_embed[:, :1]).expand(2, -1, -1), tokens], 1)
        for block in network.blocks:
            y = block.norm1(x) @ block.attn.qkv.weight.T + block.attn.qkv.bias
            heads = []
            for h in range(3):
                query, key, value = (
                    y[..., 12 * part + 4 * h : 12 * part + 4 * h + 4] for part in range(3)
                )
                heads.append(torch.softmax(query @ key.transpose(1, 2) / 2, dim=-1) @ value)
            x = x + block.ls1.gamma * (
                torch.cat(heads, -1) @ block.attn.proj.weight.T + block.attn.proj.bias
            )
            hidden = torch.nn.functional.gelu(
                block.norm2(x) @ block.mlp.fc1.weight.T + block.mlp.fc1.bias
            )
            x = x + block.ls2.gamma * (hidden @ block.mlp.fc2.weight.T + block.mlp.fc2.bias)
        x = network.norm(x)
        cells = x[:, 1:].unflatten(1, (4, 4))
        quarters = torch.stack(
            [
                cells[:, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean((1, 2))
                for r in range(2)
                for c in range(2)
            ],
            2,
        )
        torch.testing.assert_close(
            found, torch.cat([quarters.flatten(1), x[:, 0]], 1), rtol=1e-3, atol=1e-4
        )
    assert found.shape == (2, network.features)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"heads": 5}, "width must be a multiple of heads, got 384 and 5"),
        ({"side": 100}, "side must be a multiple of patch, got 100 and 14"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        VitConfig(**fields)


# Frozen


def test_a_frozen_network_is_neither_trained_nor_saved_and_its_features_are_cached_beside_the_rollouts(
    folder, tmp_path
):
    model, rollouts = make(folder), gliding(tmp_path / "r", episodes=6)
    assert {
        name.rsplit(".", 1)[0]
        for name, _ in model.named_parameters()
        if name.startswith("encoders")
    } == {
        "encoders.pixels.layers.0",
        "encoders.pixels.layers.1",
    }
    seen = with_features(rollouts, model)
    (file,) = (tmp_path / "r").glob("features-pixels-*.npy")
    assert seen.arrays["pixels"].shape == (len(rollouts.arrays["pixels"]), 12 * 5)
    assert rollouts.arrays["pixels"].dtype == "uint8", "the rollouts themselves are as they were"
    before = file.stat().st_mtime_ns
    with_features(rollouts, model)
    assert file.stat().st_mtime_ns == before, "computed once"
    network = model.encoders["pixels"]._network[0]
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    train_world_model(model, seen, make_config(steps=5), 1, Trainer(tmp_path, 0))
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
    cached = encode_rollouts(model, seen, 1, tmp_path)[0]
    torch.testing.assert_close(
        cached, encode_rollouts(model, rollouts, 1, tmp_path)[0], rtol=0.02, atol=0.02
    )


def test_features_of_more_episodes_or_another_network_take_the_place_of_the_old_ones(
    folder, tmp_path
):
    few, more = gliding(tmp_path / "few", episodes=3), gliding(tmp_path / "more", episodes=4)
    with_features(few, make(folder))
    other = make(write(tmp_path / "other", 1))
    assert other.encoders["pixels"].digest != make(folder).encoders["pixels"].digest
    with_features(few, other)
    assert len(list((tmp_path / "few").glob("features-*.npy"))) == 1
    assert len(with_features(more, other).arrays["pixels"]) == len(more.arrays["pixels"])


def test_another_network_in_the_folder_is_refused(folder, tmp_path):
    digest = make(folder).encoders["pixels"].digest
    make(folder, digest)
    with pytest.raises(
        ValueError,
        match=(
            rf"must be the one that this was trained with, {digest}, is [0-9a-f]+; put that one"
            r" back"
        ),
    ):
        make(write(tmp_path / "other", 1), digest)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"network": "resnet"}, "no network 'resnet'; there are: vit"),
        ({"network": "vit", "wide": 3}, "no key 'wide'; there are: patch, width"),
        ({"network": "vit", "patch": "${oc.env:HOME}"}, "patch must not hold interpolations"),
        ({"network": "vit", "patch": "four"}, "patch must be an integer, got 'four'"),
    ],
)
def test_a_folder_that_says_something_else_is_refused_in_one_line(folder, config, message):
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError) as caught:
        make(folder)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_weights_that_do_not_fit_and_missing_files_are_refused(folder):
    model = make(folder)
    save_file({"cls_token": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"model.safetensors does not fit its config.yaml: "):
        model.embed({"pixels": torch.zeros(1, 16, 16, 3, dtype=torch.uint8)})
    (folder / "config.yaml").unlink()
    with pytest.raises(
        FileNotFoundError,
        match="needs model.encoder.folder=FOLDER with .*; got .* has no config.yaml",
    ):
        make(folder)


@pytest.mark.parametrize("channels", [3, 6])
def test_patches_are_those_of_pixel_unshuffle_to_the_bit(channels: int) -> None:
    pixels = torch.randint(0, 256, (3, 32, 32, channels), dtype=torch.uint8)
    for some in (pixels, pixels[::2], pixels.transpose(1, 2)):
        plain = some.permute(0, 3, 1, 2).float() / 255.0 - 0.5
        patches = as_patches(some)
        assert torch.equal(patches, torch.nn.functional.pixel_unshuffle(plain, 4))
        assert patches.is_contiguous(memory_format=torch.channels_last)
