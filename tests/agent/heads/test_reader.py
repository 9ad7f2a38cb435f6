"""The reader: exact where latents hold what counts, trained where they do not, silent without
simulator states.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from latent_mpc.agent.heads.head import FrozenData, Sizes
from latent_mpc.agent.heads.reader import LINEAR, Reader, ReaderConfig, standardised
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.envs.rollouts.reader import Rollouts

N, D = 3000, 5


def recorded(z: torch.Tensor, states: np.ndarray, *keys: str) -> FrozenData:
    """Latents of simulator states, all numbers of which count."""
    rollouts = SimpleNamespace(keys=keys, arrays={"physics": states})
    where = np.arange(N)
    return FrozenData(z, where * 0 + N - 1, where, cast(Rollouts, rollouts), counted=lambda s: s)


def fitted(folder: Path, z: torch.Tensor, states: np.ndarray, *keys: str, steps: int = 1) -> Reader:
    torch.manual_seed(0)
    made = Reader.build(Sizes(D, 2, {}, states.shape[1]), ReaderConfig(hidden=64, steps=steps))
    assert made is not None
    made.fit(recorded(z, states, *keys), {}, Trainer(folder, 0))
    return made.eval()


def test_what_is_linear_is_read_exactly_and_nothing_is_trained(tmp_path):
    """Two numbers of which one is constant; one number of the latent is constant, two say the
    same.
    """
    z = torch.randn(N, D, generator=torch.Generator().manual_seed(0)) * 3 + 1
    z[:, 3], z[:, 4] = 7.0, z[:, 0]
    states = np.stack([2 * z[:, 0] - z[:, 1] + 5, np.full(N, 4.0)], axis=1)
    reader = fitted(tmp_path, z, states, "physics")
    assert reader.knows and not (tmp_path / "training").exists()
    expected = (states - states.mean(axis=0)) / [states[:, 0].std(), 1]
    np.testing.assert_allclose(reader(z).detach(), expected, atol=1e-4)


def test_what_is_not_linear_is_trained_on_what_is_left_over(tmp_path):
    z = torch.randn(N, D, generator=torch.Generator().manual_seed(0))
    states = (z[:, :1] + z[:, 1:2].square()).double().numpy()
    reader = fitted(tmp_path, z, states, "physics", steps=300)
    numbers = standardised(torch.as_tensor(states))
    with torch.no_grad():
        linear = (reader.linear(z) - numbers).square().mean()
        whole = (reader(z) - numbers).square().mean()
    assert linear == pytest.approx(2 / 3, abs=0.05)  # a normal's square has variance 2, the rest 1
    assert LINEAR < whole < 0.02


def test_without_simulator_states_it_knows_nothing(tmp_path):
    z = torch.randn(N, D)
    reader = fitted(tmp_path, z, np.zeros((N, 2)), "state")
    assert not reader.knows and not reader(z).any()


def test_there_is_none_where_the_whole_state_counts():
    assert Reader.build(Sizes(D, 2, {}), ReaderConfig()) is None
