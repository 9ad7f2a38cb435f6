"""The reader of what counts, and the cost that asks for it and no more."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from latent_mpc.agent.costs.coordinates import CoordinatesCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.head import FrozenData, Sizes
from latent_mpc.agent.heads.reader import Reader, ReaderConfig
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.configs.errors import LatentMPCError


class Recorded(FrozenData):
    """Latents whose numbers that count are given."""

    def __init__(self, z, numbers):
        super().__init__(z, np.full(len(z), len(z) - 1))
        self.numbers = numbers

    def has(self, key):
        return self.numbers is not None

    def counted(self, every):
        return self.numbers[::every]


def fitted(z, numbers, tmp_path) -> Reader:
    torch.manual_seed(0)
    counted = 1 if numbers is None else numbers.shape[1]
    reader = Reader.build(Sizes(z.shape[1], 2, {}, counted), ReaderConfig(hidden=64, steps=600))
    assert reader is not None
    reader.fit(Recorded(z, numbers), {}, Trainer(tmp_path, 0))
    return reader.eval()


def test_what_is_linear_is_read_exactly_and_without_training(tmp_path):
    z = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    numbers = torch.stack([3 * z[:, 1] - z[:, 2] + 5, 100 * z[:, 0]], dim=1)
    reader = fitted(z, numbers, tmp_path)
    expected = (numbers - numbers.mean(dim=0)) / numbers.std(dim=0)
    torch.testing.assert_close(reader(z), expected, atol=1e-3, rtol=0)
    assert not any(parameter.any() for parameter in reader.rest[-1].parameters())
    assert not (tmp_path / "training").exists()


def test_what_is_not_linear_is_learned_on_top(tmp_path):
    z = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0))
    numbers = (z[:, :1] * z[:, 1:]).clone()
    reader = fitted(z, numbers, tmp_path)
    error = (reader(z) - (numbers - numbers.mean()) / numbers.std()).square().mean()
    assert error < 0.1  # of 1; a linear map alone leaves nearly all of it


def test_a_task_whose_whole_goal_counts_has_none_and_data_without_states_leave_it_unknowing(
    tmp_path,
):
    assert Reader.build(Sizes(4, 2, {}), ReaderConfig()) is None
    assert not fitted(torch.randn(10, 4), None, tmp_path).knows


def test_the_cost_is_ten_times_the_distance_of_what_counts(tmp_path):
    z = torch.eye(3)
    reader = Reader(3, 2, ReaderConfig(hidden=4))
    with torch.no_grad():
        reader.linear.weight.copy_(torch.tensor([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]))
        reader.linear.bias.zero_()
    networks = Networks(None, None, None, reader)
    goal, distance = CoordinatesCost().measured(networks, torch.zeros(1, 3))
    expected = torch.tensor([[[30.0, 40.0, 0.0]]])
    torch.testing.assert_close(
        distance(z[None, None], goal[:, None, None]), expected, atol=1e-2, rtol=0
    )


def test_a_checkpoint_without_a_reader_refuses_it_and_says_what_would_do():
    networks = Networks(None, None, None, None)
    assert not CoordinatesCost.usable(networks)
    with pytest.raises(LatentMPCError, match="give cost=cost_to_go"):
        CoordinatesCost().measured(networks, torch.zeros(1, 3))
