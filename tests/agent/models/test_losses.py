"""Losses against closed forms and slow loops."""

import math

import pytest
import torch

from latent_mpc.agent.models import losses


def closed_form(x: torch.Tensor) -> float:
    """Epps-Pulley over the whole real line, term by term: integrals of cos(at) exp(-t^2/2), cos(at)
    exp(-t^2) and exp(-3t^2/2).
    """
    n = len(x)
    pairs = sum(math.exp(-((a - b) ** 2) / 2) for a in x.tolist() for b in x.tolist())
    singles = sum(math.exp(-(a**2) / 4) for a in x.tolist())
    integral = (
        math.sqrt(2 * math.pi) * pairs / n**2
        - 2 * math.sqrt(math.pi) * singles / n
        + math.sqrt(2 * math.pi / 3)
    )
    return n * integral


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


SAMPLES = {
    "normal": normal(64),
    "shifted": normal(64) + 2,
    "narrow": 0.1 * normal(64),
    "wide": 3 * normal(64),
    "collapsed": torch.zeros(16),
    "two heaps": torch.tensor([-2.0, 2.0]).repeat(20),
    "one": torch.tensor([0.7]),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_epps_pulley_is_its_closed_form_within_the_quadratures_tolerance(name):
    x = SAMPLES[name]
    ours = losses.epps_pulley(x[:, None])
    # beyond t = 3: both sides, |difference|^2 <= 4, integral of exp(-t^2/2) is 0.00339
    tail = 2 * 4 * 0.00339 * len(x)
    assert abs(ours.item() - closed_form(x)) < min(tail, 0.02 * closed_form(x) + 0.005)


def test_each_projection_and_each_time_step_is_measured_by_itself():
    x = normal(3, 20, 4) * torch.tensor([0.5, 1.0, 2.0])[:, None, None]
    alone = [[losses.epps_pulley(x[t, :, m : m + 1]).item() for m in range(4)] for t in range(3)]
    torch.testing.assert_close(losses.epps_pulley(x), torch.tensor(alone))


def test_sigreg_is_the_mean_over_random_unit_directions_and_time_steps():
    z = 1.5 * normal(24, 3, 5)
    ours = losses.sigreg(z, torch.Generator().manual_seed(7), directions=9)
    vectors = torch.randn(5, 9, generator=torch.Generator().manual_seed(7))
    expected = [
        closed_form(z[:, t] @ (vectors[:, m] / vectors[:, m].norm()))
        for t in range(3)
        for m in range(9)
    ]
    assert ours.item() == pytest.approx(sum(expected) / 27, rel=0.01)


def test_sigreg_is_small_for_a_normal_latent_and_large_for_any_other():
    def told(z):
        return losses.sigreg(z, torch.Generator().manual_seed(0)).item()

    z = normal(256, 2, 8)
    usual = told(z)
    # its mean under normality is sqrt(2 pi) - sqrt(2 pi / 3) = 1.06, whatever the number of samples
    assert usual < 1.5
    collapsed = torch.cat([z[..., :1], torch.zeros_like(z[..., 1:])], dim=-1)
    others = {
        "a point": 0 * z,
        "a line": collapsed,
        "shifted": z + 1,
        "narrow": z / 4,
        "wide": 4 * z,
    }
    for name, other in others.items():
        assert told(other) > 10 * usual, name


def test_sigreg_looks_at_each_time_step_apart():
    z = normal(256, 2, 8)
    # mixed together they would look wide, not shifted
    apart = torch.stack([z[:, 0] + 1, z[:, 1] - 1], dim=1)
    each = [
        losses.sigreg(apart[:, t : t + 1], torch.Generator().manual_seed(0)).item()
        for t in range(2)
    ]
    assert losses.sigreg(apart, torch.Generator().manual_seed(0)).item() == pytest.approx(
        sum(each) / 2, rel=1e-5
    )


def test_sigreg_is_computed_in_fp32_under_bf16_autocast_too():
    z = normal(32, 2, 6)
    expected = losses.sigreg(z, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        inside = losses.sigreg(z, torch.Generator().manual_seed(0))
        rounded = losses.sigreg(z.bfloat16(), torch.Generator().manual_seed(0))
    assert inside.dtype == rounded.dtype == torch.float32
    assert torch.equal(inside, expected)
    assert torch.equal(
        rounded, losses.sigreg(z.bfloat16().float(), torch.Generator().manual_seed(0))
    )


@pytest.mark.parametrize("name", ["normal", "collapsed", "far away"])
def test_the_gradient_of_sigreg_is_finite_and_agrees_with_finite_differences(name):
    z = {
        "normal": normal(6, 1, 3),
        "collapsed": torch.zeros(6, 1, 3),
        "far away": 100 * normal(6, 1, 3),
    }[name]
    z = z.requires_grad_()
    (gradient,) = torch.autograd.grad(
        losses.sigreg(z, torch.Generator().manual_seed(0), directions=5), z
    )
    assert gradient.isfinite().all()
    if name == "far away":
        return  # there the statistic turns too fast for differences in single precision
    direction, step = normal(6, 1, 3, seed=1), 1e-2
    with torch.no_grad():
        up, down = (
            losses.sigreg(z + s * direction, torch.Generator().manual_seed(0), directions=5)
            for s in (step, -step)
        )
    assert (gradient * direction).sum().item() == pytest.approx(
        ((up - down) / (2 * step)).item(), rel=0.02, abs=0.002
    )


def test_following_the_gradient_of_sigreg_makes_a_narrow_shifted_latent_normal():
    z = (0.2 * normal(64, 1, 2) + 1).requires_grad_()
    optimizer, generator = torch.optim.Adam([z], lr=0.05), torch.Generator().manual_seed(0)
    for _ in range(150):
        optimizer.zero_grad()
        losses.sigreg(z, generator, directions=16).backward()
        optimizer.step()
    assert z.mean(dim=0).abs().max() < 0.2
    assert torch.allclose(z.std(dim=0), torch.ones(1, 2), atol=0.2)


def test_prediction_and_inverse_dynamics_are_mean_squared_errors_with_gradients_to_both_sides():
    a, b = (
        torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True),
        torch.tensor([[0.0, 2.0], [1.0, 1.0]], requires_grad=True),
    )
    for loss in (losses.prediction, losses.inverse_dynamics):
        value = loss(a, b)
        assert value.item() == pytest.approx((1 + 0 + 4 + 16) / 4)
        to_a, to_b = torch.autograd.grad(value, [a, b])
        assert to_a.tolist() == [[0.5, 0.0], [1.0, 2.0]]  # 2 (a - b) / 4
        assert torch.equal(to_b, -to_a)


def test_vicreg_wants_unit_deviations_and_no_correlations() -> None:
    """By hand: two numbers that are the same, of standard deviation 2, covary by 4; two of 0.5 that
    do not covary are short of 0.5 each.
    """
    same = torch.tensor([[-1.0, -1.0], [1.0, 1.0]])[:, None] * 2**0.5 * 1.0
    assert losses.vicreg(same) == pytest.approx(2 * 4.0**2 / (25 * 2), rel=1e-3)
    apart = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[:, None] * 0.5
    short = 1 - (1 / 3) ** 0.5  # of the unbiased deviation
    assert losses.vicreg(apart) == pytest.approx(short, rel=1e-3)
