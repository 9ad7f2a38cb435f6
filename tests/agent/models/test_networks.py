"""Encoders against slow loops."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import pixel_unshuffle

from latent_mpc.agent.models.encoders.conv import PixelEncoder
from latent_mpc.agent.models.encoders.mlp import StateEncoder
from latent_mpc.agent.models.jepa import JepaConfig
from latent_mpc.agent.models.networks import mlp


def test_an_mlp_has_as_many_hidden_layers_as_asked_for():
    layers = mlp(3, 2, 16, layers=3, dropout=0.1)
    widths = [
        (layer.in_features, layer.out_features) for layer in layers if isinstance(layer, nn.Linear)
    ]
    assert widths == [(3, 16), (16, 16), (16, 16), (16, 2)]
    assert sum(isinstance(layer, nn.Dropout) for layer in layers) == 3
    assert isinstance(layers[-1], nn.Linear), "nothing bounds the output"


def test_a_state_encoder_normalises_by_what_it_was_fitted_to_and_leaves_a_constant_dimension_unscaled():
    encoder = StateEncoder((3,), JepaConfig(embedding=4, hidden=16))
    data = np.random.default_rng(0).normal(size=(50, 3)) * [10, 0.1, 0] + [100, -3, 7]
    encoder.fit(lambda: torch.tensor(data, dtype=torch.float32))
    np.testing.assert_allclose(encoder.mean, data.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        encoder.std, [data[:, 0].std(ddof=1), data[:, 1].std(ddof=1), 1.0], rtol=1e-4
    )
    one = torch.tensor([[95.0, -3.2, 8.0]])
    expected = encoder.layers((one - torch.tensor(data.mean(axis=0)).float()) / encoder.std)
    torch.testing.assert_close(encoder(one), expected)


def test_a_state_encoder_with_octaves_also_sees_sines_and_cosines_of_each_number():
    encoder = StateEncoder((2,), JepaConfig(embedding=4, hidden=16, octaves=3))
    encoder.fit(lambda: torch.tensor([[0.0, 1.0], [4.0, 9.0], [2.0, 5.0]]))
    x, y = (3.0 - 2) / 2, (2.0 - 5) / 4
    angles = [math.pi * octave * number for number in (x, y) for octave in (1, 2, 4)]
    shown = torch.tensor([[x, y, *map(math.sin, angles), *map(math.cos, angles)]])
    torch.testing.assert_close(encoder(torch.tensor([[3.0, 2.0]])), encoder.layers(shown))


def test_what_a_state_encoder_was_fitted_to_travels_with_its_weights():
    encoder, other = (
        StateEncoder((2,), JepaConfig(embedding=4, hidden=16)),
        StateEncoder((2,), JepaConfig(embedding=4, hidden=16)),
    )
    encoder.fit(lambda: torch.tensor([[0.0, 1.0], [4.0, 9.0]]))
    other.load_state_dict(encoder.state_dict())
    assert other.mean.tolist() == [2.0, 5.0]
    obs = torch.tensor([[3.0, 3.0]])
    assert torch.equal(other(obs), encoder(obs))


@pytest.mark.parametrize("size", [16, 32])
def test_a_pixel_encoder_sees_each_picture_by_itself_scaled_to_half_a_unit_around_zero(size):
    torch.manual_seed(0)
    encoder = PixelEncoder((size, size, 3), JepaConfig(embedding=8, width=4))
    pixels = torch.randint(0, 256, (5, size, size, 3), dtype=torch.uint8)
    expected = [
        encoder.layers(
            pixel_unshuffle((picture.float() / 255 - 0.5).permute(2, 0, 1)[None].contiguous(), 4)
        )[0]
        for picture in pixels
    ]
    torch.testing.assert_close(encoder(pixels), torch.stack(expected), rtol=1e-4, atol=1e-5)


def test_a_pixel_encoder_notices_where_one_changed_byte_is_and_in_which_colour():
    torch.manual_seed(0)
    encoder = PixelEncoder((16, 16, 3), JepaConfig(embedding=8, width=4))
    pixels = torch.full((4, 16, 16, 3), 100, dtype=torch.uint8)
    pixels[1, 3, 5, 0] = pixels[2, 3, 5, 2] = pixels[3, 5, 3, 0] = 255
    assert torch.pdist(encoder(pixels)).min() > 1e-4
