"""The cost-to-go of a goal in part: orders states by the steps until what counts is there, whatever
the rest is, and is silent where nothing that counts moves.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from latent_mpc.agent.costs.cost import costs, usable_costs
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.head import FrozenData, Sizes
from latent_mpc.agent.heads.reader import Reader, ReaderConfig
from latent_mpc.agent.heads.value import NEVER, Value, ValueConfig, usual_change
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.configs.errors import LatentMPCError

EPISODES, LENGTH = 60, 20


def walks(moving: bool = True) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """A point that walks along a line by random steps of about 0.1, beside a number that does not
    count: latents, last rows, simulator states.
    """
    rng = np.random.default_rng(0)
    steps = rng.normal(scale=0.1, size=(EPISODES, LENGTH)) if moving else 0
    at = rng.uniform(-1, 1, (EPISODES, 1)) + np.cumsum(steps * np.ones((EPISODES, LENGTH)), axis=1)
    if not moving:
        at = np.zeros_like(at)
    beside = rng.normal(size=at.shape)
    z = torch.as_tensor(np.stack([at, beside], axis=-1).reshape(-1, 2), dtype=torch.float32)
    last = np.repeat(np.arange(LENGTH - 1, EPISODES * LENGTH, LENGTH), LENGTH)
    return z, last, at.reshape(-1, 1)


def fitted(folder: Path, moving: bool = True, steps: int = 600) -> tuple[Reader, Value]:
    z, last, states = walks(moving)
    rollouts = SimpleNamespace(keys=("physics",), arrays={"physics": states})
    data = FrozenData(z, last, np.arange(len(z)), rollouts, counted=lambda some: some)  # type: ignore[arg-type]
    torch.manual_seed(0)
    reader = Reader(2, 1, ReaderConfig(hidden=8))
    value = Value(2, 1, ValueConfig(hidden=32, steps=steps, batch=128))
    trainer = Trainer(folder, 0)
    reader.fit(data, {}, trainer)
    value.fit(data, {"reader": reader}, trainer)
    return reader, value.requires_grad_(False)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, Value]:
    return fitted(tmp_path_factory.mktemp("value"))


def test_it_grows_with_the_way_and_not_with_what_does_not_count(
    parts: tuple[Reader, Value],
) -> None:
    reader, value = parts
    z = torch.tensor([[-0.6, 0.0], [-0.3, 0.0], [0.0, 0.0], [0.5, 0.0], [0.5, 2.0]])
    now = reader(z)
    said = value(z, now, now[3])
    assert (said[:3].diff() < 0).all() and said[2] > said[3]
    assert abs(said[3] - said[4]) < 0.3 * said[0]


def test_a_step_is_what_it_usually_is_while_it_moves(parts: tuple[Reader, Value]) -> None:
    _, value = parts
    z, last, _ = walks()
    rows = np.flatnonzero(np.arange(len(z)) < last)
    step = z[rows + 1, 0] - z[rows, 0]
    expected = step.square().mean().sqrt() / z[:, 0].std(correction=0)
    torch.testing.assert_close(value.unit[0], expected, rtol=0.15, atol=0)
    still = torch.cat([step, torch.zeros(10 * len(step))])[:, None]
    torch.testing.assert_close(
        usual_change(still)[0], usual_change(step[:, None])[0], rtol=0.1, atol=0
    )


def test_a_number_that_never_changes_does_not_matter() -> None:
    """As a planar robot's upward axis has one."""
    change = torch.stack([torch.linspace(-1, 1, 50), torch.full((50,), 1e-8)], dim=-1)
    unit = usual_change(change)
    assert unit[1] == NEVER and unit[0] > 0.5
    assert not usual_change(0 * change).any()


def test_nothing_is_learned_where_what_counts_never_moves(tmp_path: Path) -> None:
    reader, value = fitted(tmp_path, moving=False)
    assert not value.knows
    networks = Networks(None, None, reader=reader, value=value)  # type: ignore[arg-type]
    assert "value" not in usable_costs(networks)
    with pytest.raises(LatentMPCError, match="cost=value needs the cost-to-go of a goal in part"):
        costs()["value"]().bind(networks)


def test_of_its_networks_the_one_counts_that_says_more() -> None:
    torch.manual_seed(0)
    value = Value(3, 1, ValueConfig(hidden=8))
    z, now, goal = torch.randn(5, 3), torch.randn(5, 1), torch.zeros(1)
    each = value.each(z, now, goal)
    assert each.shape == (5, 2) and (each[:, 0] != each[:, 1]).all()
    assert torch.equal(value(z, now, goal), each.amax(dim=-1))


def test_one_network_alone_has_the_names_of_earlier_checkpoints() -> None:
    one = Value(3, 1, ValueConfig(hidden=8, networks=1))
    assert {"layers.0.weight", "layers.3.weight"} <= one.state_dict().keys()
    assert one(torch.randn(5, 3), torch.randn(5, 1), torch.zeros(1)).shape == (5,)


def test_it_is_built_where_a_part_counts_and_steps_are_given() -> None:
    sizes = Sizes(4, 2, {}, counted=2)
    assert isinstance(Value.build(sizes, ValueConfig()), Value)
    assert Value.build(sizes, ValueConfig(steps=0)) is None
    assert Value.build(sizes._replace(counted=0), ValueConfig()) is None


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("expectile", 0.0), ("hindsight", 1.5), ("reach", 0), ("learning_rate", 0.0)],
)
def test_wrong_settings_are_refused(field: str, wrong: float) -> None:
    with pytest.raises(LatentMPCError, match=f"{field} must"):
        ValueConfig(**{field: wrong})  # type: ignore[arg-type]
