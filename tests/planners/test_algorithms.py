"""One update of each algorithm, against arithmetic by hand. One problem, one step, one action."""

from __future__ import annotations

import math

import pytest
import torch

from latent_mpc.planners import CEM, MPPI, Search
from latent_mpc.planners.cost import VIOLATED, feasibility_first
from latent_mpc.planners.mppi import effective_size, softmin, tempered

INF = float("inf")


def search(mean: float = 0.0, std: float = 1.0) -> Search:
    none = torch.zeros(1, 0, 1, 1)
    return Search(
        torch.full((1, 1, 1), mean),
        torch.full((1, 1, 1), std),
        none,
        none[:, :, 0, 0],
        torch.ones(1),
        torch.zeros(1),
    )


def candidates(*values: float) -> torch.Tensor:
    return torch.tensor(values)[None, :, None, None]


def test_cem_takes_mean_and_standard_deviation_of_the_elites_and_mixes_them_with_the_old():
    cem = CEM(samples=4, elites=2, momentum=0.25, std_floor=0.0, overshoot=0.0)
    new, told = cem.update(
        search(mean=4.0, std=8.0),
        candidates(1.0, 9.0, 3.0, 9.0),
        torch.tensor([[5.0, 8.0, 6.0, 7.0]]),
    )
    assert new.mean.item() == pytest.approx(0.25 * 4 + 0.75 * 2)
    # elites 1 and 3: mean 2, std 1 (not variance, not n - 1)
    assert new.std.item() == pytest.approx(0.25 * 8 + 0.75 * 1)
    assert told["elite"].tolist() == [[5.0, 6.0]]


def test_cem_keeps_its_best_elites_and_ranks_them_again_by_the_cost_they_had():
    cem = CEM(samples=4, elites=2, keep_elites=0.5, momentum=0.0, overshoot=0.0)
    first, _ = cem.update(
        search(), candidates(1.0, 9.0, 3.0, 9.0), torch.tensor([[5.0, 8.0, 6.0, 7.0]])
    )
    assert (first.elites.flatten().tolist(), first.score.flatten().tolist()) == ([1.0], [5.0])
    second, _ = cem.update(
        first, candidates(2.0, 9.0, 9.0, 9.0), torch.tensor([[4.0, 8.0, 8.0, 9.0]])
    )
    assert second.mean.item() == pytest.approx(1.5)  # the new 2 and the old 1
    assert second.elites.flatten().tolist() == [2.0]


def test_cem_leaves_infeasible_candidates_out_even_where_elites_are_missing():
    cem = CEM(samples=4, elites=3, momentum=0.0, std_floor=0.0, overshoot=0.0)
    new, told = cem.update(
        search(), candidates(9.0, 1.0, 9.0, 3.0), torch.tensor([[INF, 6.0, INF, 5.0]])
    )
    assert (new.mean.item(), new.std.item()) == (pytest.approx(2.0), pytest.approx(1.0))
    assert told["elite"].tolist() == [[5.0, 6.0, INF]]


def test_the_mean_of_cem_overshoots_the_elites_by_a_share_of_its_way_to_them():
    cem = CEM(samples=2, elites=1, momentum=0.0, overshoot=0.5)
    new, _ = cem.update(search(mean=4.0), candidates(2.0, 9.0), torch.tensor([[0.0, 1.0]]))
    assert new.mean.item() == pytest.approx(1.0)  # from 4 to the elite 2, and half as far again


def test_an_iteration_smaller_than_usual_has_a_quarter_of_elites_at_most_and_never_fewer_than_are_kept():
    for N, keep, wanted in (
        (64, 0.25, 8),
        (33, 0.25, 8),
        (20, 0.25, 5),
        (9, 0.25, 2),
        (9, 0.5, 4),
        (3, 0.0, 1),
    ):
        cem = CEM(samples=64, elites=8, keep_elites=keep)
        _, told = cem.update(search(), torch.zeros(1, N, 1, 1), torch.arange(float(N))[None])
        assert told["elite"].shape == (1, wanted)


def test_the_std_floor_is_in_half_ranges():
    cem = CEM(samples=2, elites=1, momentum=0.0, std_floor=0.1)
    new, _ = cem.update(
        search()._replace(half=torch.tensor([3.0])),
        candidates(1.0, 2.0),
        torch.tensor([[0.0, 1.0]]),
    )
    assert new.std.item() == pytest.approx(0.3)


def test_the_temperature_of_mppi_divides():
    """Costs ln 2 apart at temperature 1 weigh 2 : 1, at temperature 1/2 they weigh 4 : 1."""
    score = torch.tensor([[3.0, 3.0 + math.log(2)]])
    for temperature, ratio in ((1.0, 2.0), (0.5, 4.0)):
        mppi = MPPI(temperature=temperature, momentum=0.0)
        new, told = mppi.update(search(), candidates(0.0, 1.0), score)
        assert new.mean.item() == pytest.approx(1 / (1 + ratio), rel=1e-5)
        assert told["effective"].item() == pytest.approx(
            (1 + ratio) ** 2 / (1 + ratio**2), rel=1e-5
        )


def test_mppi_is_not_moved_by_a_constant_however_large_nor_by_infeasible_candidates():
    mppi = MPPI(temperature=1.0, momentum=0.0)
    for shift in (0.0, 1e4, -1e4):
        new, _ = mppi.update(
            search(), candidates(0.0, 1.0, 9.0), torch.tensor([[shift, shift + 1, INF]])
        )
        assert new.mean.item() == pytest.approx(1 / (1 + math.e), rel=1e-3)


def test_violating_candidates_neither_weigh_nor_set_the_temperature_of_mppi_while_there_are_feasible_ones():
    score = torch.tensor([[0.0, 1.0] + [1.2 * VIOLATED] * 8])
    new, told = MPPI(effective=0.3, momentum=0.0).update(
        search(), candidates(0.0, 1.0, *[9.0] * 8), score
    )
    assert told["temperature"].item() < 1
    assert new.mean.item() < 0.3
    new, _ = MPPI(effective=0.3, momentum=0.0).update(
        search(), candidates(0.0, 9.0), torch.tensor([[1.1, 1.9]]) * VIOLATED
    )
    assert new.mean.item() < 1  # among violating ones the lesser violation


def test_the_std_of_mppi_stays_where_it_is_not_to_be_refitted():
    new, _ = MPPI(adapt_std=False, temperature=1.0).update(
        search(std=0.7), candidates(0.0, 1.0), torch.tensor([[0.0, 1.0]])
    )
    assert new.std.item() == pytest.approx(0.7)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.8])
def test_the_effective_sample_size_is_what_was_asked_for_at_any_scale_of_cost(share, scale):
    excess = scale * torch.rand(3, 100, generator=torch.Generator().manual_seed(0))
    excess -= excess.min(1, keepdim=True).values
    size = effective_size(softmin(excess, tempered(excess, share)))
    assert (size >= share * 100).all()
    assert (size < 1.9 * share * 100 + 1).all()


def test_equal_costs_and_no_feasible_cost_give_weights_without_nan():
    assert softmin(torch.zeros(1, 4), tempered(torch.zeros(1, 4), 0.1)).tolist() == [[0.25] * 4]
    none = torch.full((1, 4), INF)
    assert softmin(none, tempered(none, 0.1)).tolist() == [[0.0] * 4]


def test_feasible_candidates_rank_by_cost_and_the_others_behind_them_by_violation():
    cost = torch.tensor([[5.0, -9.0, 1.0, 3.0, INF, 1e35]])
    violation = torch.tensor(
        [[[0.0, 0.0], [0.1, 0.1], [-4.0, 0.1], [-1.0, 0.0], [0.0, 0.0], [0.0, -1.0]]]
    )
    score = feasibility_first(cost, violation)
    assert score.argsort(1).tolist() == [[3, 0, 5, 2, 1, 4]]
    assert (score < VIOLATED).tolist() == [[True, False, False, True, False, True]]
    assert feasibility_first(torch.zeros(1, 1), torch.full((1, 1, 1), float("nan"))).item() == INF
