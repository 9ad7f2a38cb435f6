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
from latent_mpc.agent.models.base import WorldModel
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


class Forgetful:
    """Imagines what the actions add, and the latent's last number as any."""

    def rollout_ensemble(self, z: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        kept = torch.cat([z[..., :-1], z[..., -1:].roll(1, dims=0)], dim=-1)
        return (kept[..., None, :] + actions.cumsum(dim=-2))[None]


def walked() -> tuple[FrozenData, torch.Tensor, np.ndarray]:
    """Four numbers that actions move; the first is read to a fifth of it, and precisely by a fifth
    number that hardly varies.
    """
    rng = np.random.default_rng(0)
    actions = rng.normal(size=(N, D)) * [0.3, 0.3, 0.3, 0.3, 0.0]
    before = actions.reshape(-1, 20, D).cumsum(axis=1)[:, :-1]
    at = rng.normal(size=(len(before), 20, D))
    at[:, 1:] = at[:, :1] + before
    at = at.reshape(N, D)
    at[:, 4] = 0.01 * rng.normal(size=N)
    z = torch.as_tensor(at, dtype=torch.float32)
    counts = at[:, :1] + 20 * at[:, 4:] + 0.1 * rng.normal(size=(N, 1))
    where = np.arange(N)
    arrays: dict[str, np.ndarray] = {"physics": counts, "action": actions.astype(np.float32)}
    rollouts = SimpleNamespace(
        keys=tuple(arrays),
        arrays=arrays,
        gather=lambda rows, keys: {key: arrays[key][rows] for key in keys},
    )
    data = FrozenData(
        z,
        where // 20 * 20 + 19,
        where,
        cast(Rollouts, rollouts),
        counted=lambda s: s,
        model=cast(WorldModel, Forgetful()),
    )
    return data, z, counts


def test_rows_are_imagined_from_before_within_their_episode():
    data, z, _ = walked()
    imagined = data.imagined(1)
    assert imagined is not None
    torch.testing.assert_close(imagined[::20], z[::20])
    torch.testing.assert_close(imagined[:, :4], z[:, :4], atol=1e-5, rtol=0)
    assert (imagined[:, 4] != z[:, 4]).sum() == N * 19 / 20
    some = data.imagined(7)
    assert some is not None
    torch.testing.assert_close(some[:, :4], z[::7, :4], atol=1e-5, rtol=0)


def test_it_reads_what_imagination_keeps(tmp_path):
    """Fitted to encoded latents alone it takes all from the number that imagination loses."""
    data, _, _ = walked()
    torch.manual_seed(0)
    reader = Reader(D, 1, ReaderConfig(hidden=16, steps=200))
    reader.fit(data, {}, Trainer(tmp_path, 0))
    weight = reader.linear.weight[0].detach().clone()
    data._model = None
    reader.fit(data, {}, Trainer(tmp_path / "alone", 0))
    assert weight[4].abs() < 0.7 * reader.linear.weight[0, 4].abs()
