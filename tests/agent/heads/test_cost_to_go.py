"""The learned distance: quasimetric laws, and known step counts recovered."""

import itertools
import math

import numpy as np
import pytest
import torch

from latent_mpc.agent.heads import cost_to_go_fit as cost_to_go
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.heads.cost_to_go_fit import expectile_loss, near_distances, shortest_paths
from latent_mpc.agent.heads.head import FrozenData
from latent_mpc.agent.training.loop import Trainer

STATES, UP, DOWN = 10, 1, 3  # a slide: one state up a step, three down


def make(latent: int = 3, **fields) -> CostToGo:
    torch.manual_seed(0)
    return CostToGo(latent, CostToGoConfig(**{"hidden": 16, "metric": 4, **fields}))


def points(n: int = 40, latent: int = 3) -> torch.Tensor:
    return 3 * torch.randn(n, latent, generator=torch.Generator().manual_seed(1))


def distances(d: CostToGo, z: torch.Tensor) -> torch.Tensor:
    """From every row to every other, `[n, n]`, in double precision."""
    d = d.double()
    n = len(z)
    with torch.no_grad():
        return d(z.double()[:, None].expand(n, n, -1), z.double()[None].expand(n, n, -1))


def test_distance_is_zero_for_equal_latents_up_to_what_keeps_the_root_differentiable():
    d = distances(make(), points())
    # scale times sqrt(eps) over sqrt(metric)
    assert d.diagonal().max() <= 10 * math.sqrt(1e-8) / 2 * (1 + 1e-6)
    assert d[~torch.eye(40, dtype=torch.bool)].min() > 0.01


def test_distance_is_never_negative_and_obeys_the_triangle_inequality():
    d = distances(make(), points())
    assert (d >= 0).all()
    detour = d[:, :, None] + d[None]  # i -> j -> k
    assert (d[:, None] <= detour + 1e-12).all()
    assert (d[:, None] > 0.8 * detour).any(), (
        "the bound must be near somewhere, or the test shows nothing"
    )


def test_distance_there_differs_from_distance_back():
    d = distances(make(), points())
    assert ((d - d.T).abs() > 0.1 * d).double().mean() > 0.5


def test_distance_by_hand():
    """Embedded at (1, 5 | 2, 7) and (4, 1 | 3, 4): root of (9 + 16) over root of 2, plus the
    largest fall, 7 - 4, all times 10.
    """
    d = make(metric=2)
    start, goal = torch.tensor([[1.0, 5.0, 2.0, 7.0]]), torch.tensor([[4.0, 1.0, 3.0, 4.0]])
    assert d.between(start, goal).item() == pytest.approx(10 * (5 / math.sqrt(2) + 3), rel=1e-6)
    assert d.between(goal, start).item() == pytest.approx(10 * (5 / math.sqrt(2) + 1), rel=1e-6)
    rising = torch.tensor([[4.0, 1.0, 3.0, 9.0]])  # nothing falls on the way there
    assert d.between(start, rising).item() == pytest.approx(10 * 5 / math.sqrt(2), rel=1e-6)


def test_a_goal_embedded_once_gives_the_same_distance():
    d, z = make(), points(6)
    goal = points(7)[6:]
    torch.testing.assert_close(d.between(d.embed(z), d.embed(goal)), d(z, goal.expand(6, -1)))


def test_each_to_each_is_what_one_to_one_says_in_distances_and_gradients():
    d = make().double()
    z = points(90).double()  # more than are compared at a time
    found = []
    for pairwise in (False, True):
        start, goal = z[:70].clone().requires_grad_(), z[70:].clone().requires_grad_()
        one, other = d.embed(start), d.embed(goal)
        distance = d.pairwise(one, other) if pairwise else d.between(one[:, None], other)
        (distance * torch.linspace(-1, 1, distance.numel()).view_as(distance)).sum().backward()
        found.append((distance.detach(), start.grad, goal.grad))
    for slow, fast in zip(*found, strict=True):
        torch.testing.assert_close(slow, fast, atol=2e-6, rtol=1e-6)  # the root's 1e-8
    with torch.no_grad():
        torch.testing.assert_close(d.pairwise(d.embed(z[:70]), d.embed(z[70:])), found[1][0])


# a product's rounding may set equal latents apart: on which processors it does, differs
@pytest.mark.parametrize("apart", [0.0, 1e-15])
def test_each_to_each_of_equal_latents_is_next_to_zero_and_pulls_no_harder_than_others(
    apart: float,
) -> None:
    d = make().double()
    start = d.embed(points(6).double()).detach().requires_grad_()
    distance = d.pairwise(
        start,
        start.detach() + apart * torch.randn(6, 8, generator=torch.Generator().manual_seed(2)),
    )
    distance.diagonal().sum().backward()
    assert distance.diagonal().max() < 1e-12
    # [model steps per unit of embedding], of the root and of the largest rise
    steepest = d.scale * (1 / math.sqrt(4) + 1)
    assert start.grad is not None and start.grad.norm(dim=-1).max() <= steepest


def test_the_gradient_at_the_goal_is_finite():
    d, z = make(), points(2).requires_grad_()
    (gradient,) = torch.autograd.grad(d(z, z.detach()).sum(), z)
    assert gradient.isfinite().all()


def test_expectile_loss_by_hand():
    """Errors +2 (target above: weight 0.1), -1 and -3 (below: 0.9), 0."""
    predicted, target = torch.tensor([1.0, 3.0, 5.0, 4.0]), torch.tensor([3.0, 2.0, 2.0, 4.0])
    assert expectile_loss(predicted, target, 0.1).item() == pytest.approx(
        (0.1 * 4 + 0.9 * 1 + 0.9 * 9) / 4
    )
    assert expectile_loss(predicted, target, 0.5).item() == pytest.approx(0.5 * (4 + 1 + 9) / 4)


def test_a_small_expectile_settles_near_the_least_target():
    """Of targets 0 and 1 the 0.1-expectile is 0.1: there 0.1 x 0.9 balances 0.9 x 0.1."""
    guess, targets = torch.zeros(1, requires_grad=True), torch.tensor([0.0, 1.0])
    optimizer = torch.optim.SGD([guess], lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        expectile_loss(guess.expand(2), targets, 0.1).backward()
        optimizer.step()
    assert guess.item() == pytest.approx(0.1, abs=1e-4)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"hidden": 0}, "hidden must be at least 1, got 0"),
        ({"n_step": 0}, "n_step must be at least 1, got 0"),
        ({"expectile": 1.0}, r"expectile must lie between 0 and 1, got 1.0"),
        ({"target_rate": 0.0}, r"target_rate must lie between 0 and 1, got 0.0"),
        ({"hindsight": 1.5}, r"hindsight must lie in \[0, 1\], got 1.5"),
        ({"clamp": 0.0}, "clamp must be above 0, got 0.0"),
        ({"near": -1.0}, "near must be above 0, got -1.0"),
        ({"goals": 0}, "goals must be at least 1, got 0"),
        ({"landmarks": -1}, "landmarks must be at least 0, got -1"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(fields, message):
    with pytest.raises(ValueError, match=message):
        CostToGoConfig(**fields)


def slide_steps() -> np.ndarray:
    """Least steps between the states of the slide `[from, to]`, by breadth-first search."""
    steps = np.full((STATES, STATES), np.inf)
    for start in range(STATES):
        frontier, count = {start}, 0
        while frontier:
            for state in frontier:
                steps[start, state] = count
            count += 1
            ahead = {min(s + UP, STATES - 1) for s in frontier} | {
                max(s - DOWN, 0) for s in frontier
            }
            frontier = {s for s in ahead if np.isinf(steps[start, s])}
    return steps


def slide_walks(
    rng: np.random.Generator, episodes: int = 60, length: int = 30
) -> tuple[np.ndarray, np.ndarray]:
    """Random walks down and up the slide: states `[N]`, last row of each row's episode `[N]`."""
    walks = []
    for _ in range(episodes):
        state = int(rng.integers(STATES))
        for _ in range(length):
            walks.append(state)
            state = max(state - DOWN, 0) if rng.random() < 0.3 else min(state + UP, STATES - 1)
    return np.array(walks), np.repeat(np.arange(1, episodes + 1) * length - 1, length)


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, equal values sharing their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[group.ravel()]


@pytest.mark.slow
def test_training_on_random_walks_recovers_the_known_step_counts_in_rank(tmp_path):
    states, last = slide_walks(np.random.default_rng(0))
    z = torch.eye(STATES)
    # n_step = 1: five random steps at a time lead to the counts of the random walk, 1.75 times as
    # many (rank correlation 0.84).
    size = {"hidden": 32, "metric": 16, "steps": 1000, "batch": 64, "goals": 32}
    d = make(latent=STATES, **size, learning_rate=3e-3, expectile=0.05, landmarks=0)
    d.fit(FrozenData(z[torch.tensor(states)], last), {}, Trainer(tmp_path, 0))
    found, known = distances(d, z).numpy(), slide_steps()
    apart = ~np.eye(STATES, dtype=bool)
    assert np.corrcoef(ranks(found[apart]), ranks(known[apart]))[0, 1] > 0.95
    assert np.median(found[apart] / known[apart]) == pytest.approx(1, abs=0.2)  # in steps, too
    assert known[0, -1] == 9 and known[-1, 0] == 3
    assert found[0, -1] > 2 * found[-1, 0]


def test_targets_come_from_within_an_episode_only(tmp_path):
    """Two corridors that no walk joins: 0 1 2 3 and 4 5 6 7, laid end to end in the data."""
    z = torch.eye(8).repeat(20, 1)
    last = np.repeat(np.arange(1, 41) * 4 - 1, 4)
    d = make(
        latent=8,
        hidden=32,
        metric=8,
        steps=300,
        learning_rate=3e-3,
        clamp=60.0,
        n_step=5,
        expectile=0.1,
        landmarks=0,
    )
    d.fit(FrozenData(z, last), {}, Trainer(tmp_path, 0))
    found = distances(d, torch.eye(8)).numpy()
    assert found[0, 3] < 8 and found[4, 7] < 8  # 3 steps each
    assert found[3, 4] > 2 * found[0, 3], "row 4 follows row 3 in memory, in no episode"


@pytest.mark.parametrize("block", [1, 2, 64])
def test_shortest_paths_are_those_of_trying_every_order(monkeypatch, block):
    """Five nodes, in several blocks or one: the direct edge or the best of all ways through the
    others.
    """
    monkeypatch.setattr(cost_to_go, "BLOCK", block)
    rng = np.random.default_rng(0)
    edges = np.where(rng.random((5, 5)) < 0.5, rng.uniform(1, 9, (5, 5)), np.inf)
    np.fill_diagonal(edges, 0.0)
    found = shortest_paths(torch.tensor(edges)).numpy()
    for i, j in itertools.permutations(range(5), 2):
        inner = [k for k in range(5) if k not in (i, j)]
        ways = [(i, *way, j) for n in range(4) for way in itertools.permutations(inner, n)]
        assert found[i, j] == pytest.approx(
            min(sum(edges[a, b] for a, b in itertools.pairwise(way)) for way in ways)
        )
    assert np.isinf(found).any(), "a pair without a way, or the test shows too little"


def test_landmarks_are_joined_only_where_the_network_says_they_are_near():
    d, z = make(), points(30)
    found, all_pairs = near_distances(d, z, near=4.0), distances(make(), z)
    off = ~torch.eye(30, dtype=torch.bool)
    assert torch.equal(found.isfinite() & off, (all_pairs <= 4.0) & off)
    assert 0 < (found.isfinite() & off).sum() < off.sum()
    assert (found.diagonal() == 0).all()


@pytest.mark.slow
def test_shortest_paths_mend_far_distances_that_temporal_differences_have_not_reached(tmp_path):
    """A corridor of 40 cells walked at random in walks of 12: its ends are 39 steps apart, which no
    walk shows.
    """
    rng, cells, walks = np.random.default_rng(0), 40, []
    for _ in range(300):
        cell = int(rng.integers(cells))
        for _ in range(12):
            walks.append(cell)
            cell = int(np.clip(cell + rng.choice([-1, 1]), 0, cells - 1))
    last = np.repeat(np.arange(1, 301) * 12 - 1, 12)
    places = torch.stack([torch.linspace(-2, 2, cells), torch.zeros(cells)], dim=1)
    size = {"hidden": 64, "metric": 16, "steps": 300, "batch": 64, "goals": 32}
    ends = {}
    for landmarks in (0, 200):
        d = make(
            latent=2,
            **size,
            learning_rate=3e-3,
            expectile=0.05,
            landmarks=landmarks,
            path_share=1.0,
        )
        d.fit(
            FrozenData(places[torch.tensor(walks)], last), {}, Trainer(tmp_path / str(landmarks), 0)
        )
        ends[landmarks] = distances(d, places)[0, -1].item()
    assert abs(ends[200] - 39) < 0.6 * abs(ends[0] - 39), ends
