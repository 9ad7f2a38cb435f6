"""Slots: colours that move are found, each is where it is, and its crop shows how it is turned."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from latent_mpc.agent.models.encoders.slots import SlotsEncoder
from latent_mpc.agent.models.jepa import JepaConfig
from latent_mpc.agent.models.slots import SLOTS, find_colours

SIDE = 64
GROUND = torch.tensor([0.2, 0.25, 0.3])
RED, BLUE = torch.tensor([0.9, 0.4, 0.1]), torch.tensor([0.2, 0.5, 0.9])


def picture(disc: tuple[float, float], bar: tuple[float, float], turn: float = 0.0) -> Tensor:
    """A red disc and a blue bar at (column, row) [pixels], with soft edges."""
    rows, columns = torch.meshgrid(2 * [torch.arange(float(SIDE))], indexing="ij")
    away = torch.hypot(columns - disc[0], rows - disc[1])
    x, y = columns - bar[0], rows - bar[1]
    along = x * math.cos(turn) + y * math.sin(turn)
    across = -x * math.sin(turn) + y * math.cos(turn)
    shares = (
        (3.5 - away).clamp(0, 1),
        (7 - along.abs()).clamp(0, 1) * (2 - across.abs()).clamp(0, 1),
    )
    shown = GROUND.expand(SIDE, SIDE, 3)
    for share, colour in zip(shares, (RED, BLUE), strict=True):
        shown = shown + share[..., None] * (colour - shown)
    return (255 * shown).to(torch.uint8)


@pytest.fixture
def encoder() -> SlotsEncoder:
    torch.manual_seed(0)
    made = SlotsEncoder((SIDE, SIDE, 3), JepaConfig(embedding=8, hidden=16))
    places = 12 + 40 * torch.rand(60, 4)
    made.fit(lambda: torch.stack([picture((a, b), (c, d), float(a)) for a, b, c, d in places]))
    return made


def test_what_moves_has_a_slot_each_at_its_place(encoder: SlotsEncoder) -> None:
    shown = torch.stack([picture((20, 30), (45, 15), 0.7)])
    masks, (place, size, _) = encoder.slots.masks(shown), encoder.slots(shown)
    found = [k for k in range(SLOTS) if size[0, k] > 0]
    assert len(found) == 2
    pixels = sorted(((place[0, k] + 1) * (SIDE - 1) / 2).tolist() for k in found)
    torch.testing.assert_close(
        torch.tensor(pixels), torch.tensor([[20.0, 30.0], [45.0, 15.0]]), rtol=0, atol=0.2
    )
    assert masks.shape == (1, SLOTS, SIDE, SIDE)
    assert masks.min() >= 0 and masks.max() <= 1


def test_the_order_of_slots_is_that_of_the_data_and_goes_with_the_weights(
    encoder: SlotsEncoder,
) -> None:
    other = SlotsEncoder((SIDE, SIDE, 3), JepaConfig(embedding=8, hidden=16))
    other.load_state_dict(encoder.state_dict())
    shown = torch.stack([picture((20, 30), (45, 15))])
    assert torch.equal(other(shown), encoder(shown))


def test_a_turn_in_place_is_seen_and_a_shift_moves_the_place_alone(encoder: SlotsEncoder) -> None:
    here, turned, shifted = (
        encoder.slots(torch.stack([picture((8, 8), bar, turn)])).crop
        for bar, turn in (((32, 32), 0.0), ((32, 32), 0.5), ((40, 25), 0.0))
    )
    assert (turned - here).abs().max() > 0.5
    torch.testing.assert_close(shifted, here, rtol=0, atol=0.02)


def test_edges_are_no_colours_and_few_pixels_no_body() -> None:
    torch.manual_seed(0)
    red, blue = RED - GROUND, BLUE - GROUND
    full = torch.cat([red.expand(300, 3), blue.expand(300, 3)])
    edges = full * torch.rand(600, 1).clamp_min(0.4)
    stray = torch.tensor([[0.0, 0.9, 0.0]]).expand(5, 3)
    colours = find_colours(torch.cat([full, edges, stray]))
    assert len(colours) == 2
    for colour in (red, blue):
        assert (colours - colour).norm(dim=1).min() < 0.02


def test_where_nothing_moves_there_are_no_slots() -> None:
    still = SlotsEncoder((SIDE, SIDE, 3), JepaConfig(embedding=8, hidden=16))
    still.fit(lambda: picture((20, 30), (45, 15)).expand(10, -1, -1, -1))
    place, size, _ = still.slots(torch.stack([picture((20, 30), (45, 15))]))
    assert not place.any() and not size.any()
    assert torch.isfinite(still(torch.stack([picture((9, 9), (30, 30))]))).all()


def test_every_weight_is_trained_by_a_gradient(encoder: SlotsEncoder) -> None:
    shown = torch.stack([picture((20, 30), (45, 15), turn) for turn in (0.0, 0.4, 1.0)])
    encoder(shown).square().sum().backward()
    for weight in encoder.parameters():
        assert weight.grad is not None and weight.grad.any()
