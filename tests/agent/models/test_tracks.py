"""Tracks: the latent has places, looks and how they change; it is trained to imagine a push."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from latent_mpc.agent.models.slots import SLOTS
from latent_mpc.agent.models.tracks import Tracks, TracksConfig
from tests.agent.models.test_slots import SIDE, picture

SHAPES = {"pixels": (SIDE, SIDE, 3)}


def windows(count: int, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """A disc that an action moves by up to 3 pixels, and a bar that turns by itself: pictures
    `[B, T + 1, H, W, C]`, actions `[B, T, 1]`.
    """
    rng = torch.Generator().manual_seed(seed)
    actions = 2 * torch.rand(count, steps, 1, generator=rng) - 1
    places = 12 + 40 * torch.rand(count, 4, generator=rng)
    films = []
    for (x, y, bar_x, bar_y), pushes in zip(places.tolist(), actions, strict=True):
        moved = x + 3 * torch.cat([torch.zeros(1), pushes[:, 0].cumsum(0)])
        turns = torch.arange(steps + 1) * 0.2 + x
        films.append(
            torch.stack(
                [
                    picture((at, y), (bar_x, bar_y), turn)
                    for at, turn in zip(moved.tolist(), turns.tolist(), strict=True)
                ]
            )
        )
    return torch.stack(films), actions


@pytest.fixture(scope="module")
def model() -> Tracks:
    torch.manual_seed(0)
    made = Tracks(TracksConfig(looks=2, hidden=32), SHAPES, 1)
    pictures, actions = windows(160, 6, 0)
    made.fit_normalisers(lambda key: pictures.flatten(0, 1))
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    for step in range(100):
        generator = torch.Generator().manual_seed(step)
        some = torch.randint(len(pictures), (16,), generator=generator)
        loss = made.loss(
            {"pixels": pictures[some]}, actions[some], progress=0.0, generator=generator
        )
        optimizer.zero_grad()
        loss.terms["loss"].backward()
        optimizer.step()
    return made.eval().requires_grad_(False)


def test_what_turns_has_looks_and_a_disc_has_none(model: Tracks) -> None:
    frame = model.embed({"pixels": torch.stack([picture((20, 30), (45, 15), 0.3)])})
    looks = frame[:, 2 * SLOTS :].view(SLOTS, -1)
    assert int(model.turning.sum()) == 1
    assert looks[model.turning].any() and not looks[~model.turning].any()


def test_it_imagines_where_an_action_moves_things(model: Tracks) -> None:
    pictures, actions = windows(16, 6, 1)
    z = model.encode({"pixels": pictures})
    imagined = model.rollout(z[:, 0], actions[:, 2:])
    disc = 2 * int((~model.turning & model.slots.unmix.any(dim=0)).nonzero()[0])
    error = (imagined - z[:, 1:])[:, -1, disc].square().mean().sqrt()
    moved = (z[:, -1] - z[:, 0])[:, disc].square().mean().sqrt()
    assert error < 0.5 * moved


def test_at_rest_nothing_changes_and_a_goal_is_seen_at_rest(model: Tracks) -> None:
    goal = model.encode_goal({"pixels": torch.stack([picture((20, 30), (45, 15))])})
    assert goal.shape == (1, model.latent)
    assert not goal[:, model.frame :].any()


def test_one_by_one_is_as_a_whole_episode(model: Tracks) -> None:
    (episode,), _ = windows(1, 5, 2)
    memory = model.memory(1)
    for frame, expected in zip(episode, model.encode_episode({"pixels": episode}), strict=True):
        memory = model.observe(memory, {"pixels": frame[None]})
        torch.testing.assert_close(memory.z[0], expected, rtol=1e-4, atol=1e-4)


def test_where_nothing_moves_it_trains_without_looks() -> None:
    still = Tracks(TracksConfig(looks=2, hidden=16), SHAPES, 1)
    pictures = picture((20, 30), (45, 15)).expand(4, 5, -1, -1, -1)
    still.fit_normalisers(lambda key: pictures.flatten(0, 1))
    loss = still.loss(
        {"pixels": pictures}, torch.zeros(4, 4, 1), progress=0.0, generator=torch.Generator()
    )
    assert torch.isfinite(loss.terms["loss"])


def test_states_are_refused() -> None:
    with pytest.raises(ValueError, match="model=tracks sees pictures and nothing else: give obs="):
        Tracks(TracksConfig(), {"state": (4,)}, 1)
