"""Noise against its definition, keys against the published hash."""

from __future__ import annotations

import math

import pytest
import torch

from latent_mpc.planners.noise import draw, interpolation
from latent_mpc.planners.rng import draw_seeds, first_keys, mix, next_keys


def autocovariance(times: int, beta: float, lag: int) -> float:
    """Of a series of power f^-beta, by the slow sum over the frequencies of twice its time; f = 0
    has the power of the lowest.
    """
    power = [max(k, 1) ** -beta for k in range(times + 1)]
    # a cosine and a sine, or one real number
    weight = [1 if k in (0, times) else 2 for k in range(times + 1)]
    waves = (
        w * p * math.cos(math.pi * k * lag / times)
        for k, (w, p) in enumerate(zip(weight, power, strict=True))
    )
    return sum(waves) / sum(w * p for w, p in zip(weight, power, strict=True))


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("H", [1, 2, 5, 16])
def test_noise_has_std_1_at_every_step_and_the_tails_of_a_normal(H, beta):
    """A std per trajectory, as in stable-worldmodel's iCEM, gives 1.2-1.3 and 16 std."""
    x = draw(torch.tensor([5]), 20_000, H, 2, beta=beta)[0]  # (N, H, A)
    assert (x.std(0) - 1).abs().max() < 0.03
    assert x.mean(0).abs().max() < 0.05
    assert x.abs().max() < 6


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_colour_is_that_of_the_spectrum_and_does_not_wrap_around(beta):
    H = 5
    x = draw(torch.tensor([5]), 40_000, H, 1, beta=beta)[0, :, :, 0].double()
    for lag in range(H):
        measured = (x[:, lag:] * x[:, : H - lag]).mean().item()
        assert measured == pytest.approx(autocovariance(H, beta, lag), abs=0.02)
    assert autocovariance(H, beta, 1) > 0.2
    assert autocovariance(H, beta, H - 1) < 0.1


def test_coloured_noise_runs_through_the_control_steps_of_an_action_block():
    """A = block x W, the W entries of one control step side by side."""
    plain = draw(torch.tensor([3]), 7, 6, 2, beta=2.0)
    blocked = draw(torch.tensor([3]), 7, 2, 6, beta=2.0, block=3)
    assert torch.equal(blocked.reshape(1, 7, 6, 2), plain)


def test_noise_of_a_seed_is_the_same_wherever_the_seed_stands():
    seeds = torch.tensor([11, -5, 2**62])
    for beta in (0.0, 2.0):
        together = draw(seeds, 9, 3, 2, beta=beta)
        for i in range(3):
            assert torch.equal(draw(seeds[i : i + 1], 9, 3, 2, beta=beta)[0], together[i])


@pytest.mark.parametrize("kind", ["zero", "linear", "cubic"])
@pytest.mark.parametrize(("beta", "block"), [(0.0, 1), (2.0, 1), (2.0, 2)])
def test_noise_at_knots_has_std_1_at_every_time_between_them_too(kind, beta, block):
    """Plain interpolation has a std of 0.7 half way between two independent knots."""
    x = draw(
        torch.tensor([5]),
        20_000,
        12 // block,
        2 * block,
        beta=beta,
        block=block,
        knots=4,
        kind=kind,
    )[0].view(20_000, 12, 2)
    assert (x.std(0) - 1).abs().max() < 0.03
    assert torch.linalg.matrix_rank(x[:, :, 0]) == 4


def test_held_knots_are_steps_linear_ones_lines_and_cubic_ones_reproduce_a_parabola_inside():
    assert interpolation(6, 3, "zero").argmax(1).tolist() == [0, 0, 1, 1, 2, 2]
    line = torch.tensor([1.0, 3.0, 2.0], dtype=torch.float64)
    assert (interpolation(5, 3, "linear") @ line).tolist() == [1, 2, 3, 2.5, 2]
    time = torch.linspace(0, 4, 9, dtype=torch.float64)
    at = interpolation(9, 5, "cubic") @ torch.arange(5.0, dtype=torch.float64).square()
    # between knots whose slopes are central differences
    torch.testing.assert_close(at[2:7], time[2:7].square())
    assert interpolation(4, 1, "cubic").tolist() == [[1]] * 4


def test_as_many_knots_as_times_or_more_are_no_knots():
    plain = draw(torch.tensor([3]), 7, 6, 2, beta=2.0)
    for knots in (6, 9):
        assert torch.equal(draw(torch.tensor([3]), 7, 6, 2, beta=2.0, knots=knots), plain)


def test_keys_are_splitmix64():
    """First outputs of the reference implementation with state 0 and state 1234567."""
    golden = 0x9E3779B97F4A7C15
    for state, wanted in ((0, 0xE220A8397B1DCDAF), (1234567, 6457827717110365317)):
        z = (state + golden) % 2**64
        signed = torch.tensor(z - 2**64 if z >= 2**63 else z)
        assert mix(signed[None]).item() % 2**64 == wanted
        assert mix(torch.tensor([state]), golden).item() % 2**64 == wanted


def test_keys_of_problems_decisions_draws_and_seeds_all_differ():
    seen = []
    for seed in (0, 1, -1, 2**63 + 5):
        keys = first_keys(50, seed)
        for _ in range(5):
            seen += keys.tolist() + draw_seeds(keys, 0).tolist() + draw_seeds(keys, 1).tolist()
            keys = next_keys(keys)
    low = [x % 2**32 for x in seen]  # the generator takes 32 bits of its seed
    assert len(set(low)) >= len(low) - 1
    assert torch.equal(first_keys(200, 3)[:100], first_keys(100, 3))
