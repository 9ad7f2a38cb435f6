"""The cost of plans against slow loops and hand arithmetic."""

import pytest
import torch

from latent_mpc.agent.costs import cost as costs
from latent_mpc.agent.costs.coordinates import CoordinatesCost
from latent_mpc.agent.costs.cost import PlanCost, plan_cost
from latent_mpc.agent.costs.cost_to_go import CostToGoCost
from latent_mpc.agent.costs.latent import LatentCost, latent_distance
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.heads.reader import Reader, ReaderConfig
from latent_mpc.agent.heads.value import Value, ValueConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig


def make_model():
    torch.manual_seed(0)
    model = Jepa(JepaConfig(embedding=8, latent=4, hidden=16), {"state": (3,)}, 2)
    torch.nn.init.normal_(model.predictor[-1].weight)
    return model.eval().requires_grad_(False)


def make_problem(B=3, N=5, H=4):
    model = make_model()
    learned = CostToGo(4, CostToGoConfig(hidden=16, metric=8)).requires_grad_(False)
    memory = model.observe(model.memory(B), {"state": torch.randn(B, 3)})
    return model, learned, memory, torch.randn(B, 4), torch.rand(B, N, H, 2) * 2 - 1


class Fitted(Reader):
    knows = True


class FittedValue(Value):
    knows = True


class Unread(Reader):
    knows = False


def test_coordinates_by_hand():
    """Read are twice the first number and the third: (2, 1) from the goal's (8, 9), so 10 times
    the root of 36 + 64; other numbers do not count.
    """
    reader = Reader(4, 2, ReaderConfig(hidden=8))
    with torch.no_grad():
        reader.linear.weight.zero_()
        reader.linear.weight[0, 0], reader.linear.weight[1, 2] = 2.0, 1.0
    networks = Networks(None, None, reader=reader)
    goal, distance = CoordinatesCost().towards(networks, torch.tensor([[4.0, 77.0, 9.0, -5.0]]))
    z = torch.tensor([1.0, 0.0, 1.0, 0.0]).view(1, 1, 1, 4)
    assert distance(z, goal[:, None, None]).item() == pytest.approx(100.0, rel=1e-6)
    there = torch.tensor([4.0, 0.0, 9.0, 0.0]).view(1, 1, 1, 4).requires_grad_()
    distance(there, goal[:, None, None]).sum().backward()
    assert there.grad.isfinite().all()


@pytest.mark.parametrize("reader", [None, Unread(4, 2, ReaderConfig(hidden=8))])
def test_coordinates_are_refused_where_nothing_reads_them(reader):
    networks = Networks(None, None, reader=reader)
    assert not CoordinatesCost.usable(networks) and CostToGoCost.usable(networks)
    with pytest.raises(
        ValueError,
        match="cost=coordinates needs to know what counts of a goal, and this checkpoint has no"
        " reader of it; use cost=cost_to_go",
    ):
        CoordinatesCost().bind(networks)


def slow(model, distance, memory, z_goal, actions, running, terminal) -> torch.Tensor:
    """One problem, one candidate, one step at a time."""
    B, N, H, _ = actions.shape
    result = torch.zeros(B, N)
    for b in range(B):
        for n in range(N):
            z, steps = memory.z[b], []
            for h in range(H):
                z = model.predict(z, actions[b, n, h])
                steps.append(float(distance(z, z_goal[b])))
            result[b, n] = running * sum(steps) / H + terminal * steps[-1]
    return result


def latent(z, goal) -> torch.Tensor:
    return ((z - goal) ** 2).mean()


@pytest.mark.parametrize("running, terminal", [(1.0, 1.0), (0.0, 1.0), (0.5, 0.0), (0.3, 2.0)])
@pytest.mark.parametrize("kind", ["latent", "cost_to_go"])
def test_costs_are_those_of_a_slow_loop(kind, running, terminal):
    model, learned, memory, z_goal, actions = make_problem()
    config = costs.costs()[kind](running=running, terminal=terminal)
    distance = latent if kind == "latent" else learned
    expected = slow(model, distance, memory, z_goal, actions, running, terminal)
    torch.testing.assert_close(
        plan_cost(Networks(model, learned), memory, z_goal, config)(actions),
        expected,
        rtol=1e-4,
        atol=1e-4,
    )


def test_running_and_terminal_weights_by_hand():
    """The latent moves by 1 at each step from 0; the goal lies at 3; distances squared are 4, 1, 0,
    1.
    """

    class Counter(Jepa):
        def predict(self, z, action):
            return z + 1

    model = Counter(JepaConfig(embedding=2, latent=1, hidden=4), {"state": (1,)}, 1)
    memory = model.memory(1)
    for running, terminal, cost in ((1.0, 0.0, 6 / 4), (0.0, 1.0, 1.0), (2.0, 3.0, 2 * 6 / 4 + 3)):
        made = PlanCost(
            Networks(model, None),
            memory,
            torch.tensor([[3.0]]),
            latent_distance,
            LatentCost(running, terminal),
        )
        assert made(torch.zeros(1, 2, 4, 1)).tolist() == [[pytest.approx(cost)] * 2]


def test_ensemble_members_are_averaged_after_measuring():
    """Two members at +1 and -1 of the goal: the mean of their distances is 1, the distance of their
    mean is 0.
    """

    class Torn(Jepa):
        def imagine(self, memory, actions):
            ones = torch.ones(*actions.shape[:3], 1)
            return torch.stack([ones, -ones])

    model = Torn(JepaConfig(embedding=2, latent=1, hidden=4), {"state": (1,)}, 1)
    made = PlanCost(
        Networks(model, None),
        model.memory(1),
        torch.zeros(1, 1),
        latent_distance,
        LatentCost(1.0, 0.0),
    )
    assert made(torch.zeros(1, 2, 3, 1)).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("rows", [1, 7, 10, 4096])
def test_chunks_change_nothing(rows, monkeypatch):
    model, learned, memory, z_goal, actions = make_problem(B=5, N=5)
    whole = plan_cost(Networks(model, learned), memory, z_goal, CostToGoCost())(actions)
    monkeypatch.setattr(costs, "ROWS", rows)  # 1 and 7: one problem at a time; 10: two
    torch.testing.assert_close(
        plan_cost(Networks(model, learned), memory, z_goal, CostToGoCost())(actions),
        whole,
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize(
    "N, imagined, measured",
    [(3, [9, 9, 3], [9, 9, 9, 9, 6]), (24, [10, 10, 4] * 7, [10, 10, 10, 10, 8] * 7)],
)
def test_a_chunk_holds_no_more_rows_than_allowed(N, imagined, measured, monkeypatch):
    seen, compared = [], []

    class Counted(Jepa):
        def imagine(self, memory, actions):
            seen.append(actions.shape[0] * actions.shape[1])
            return super().imagine(memory, actions)

    def distance(z, goal):
        compared.append(z[..., 0].numel())
        return latent_distance(z, goal)

    model = Counted(JepaConfig(embedding=2, latent=1, hidden=4), {"state": (1,)}, 1)
    monkeypatch.setattr(costs, "ROWS", 10)
    PlanCost(Networks(model, None), model.memory(7), torch.zeros(7, 1), distance, LatentCost())(
        torch.zeros(7, N, 2, 1)
    )
    assert (seen, compared) == (imagined, measured)


def test_each_problem_has_its_own_goal():
    model, learned, memory, z_goal, actions = make_problem()
    whole = plan_cost(Networks(model, learned), memory, z_goal, LatentCost())(actions)
    other = z_goal.clone()
    other[1] += 1
    changed = plan_cost(Networks(model, learned), memory, other, LatentCost())(actions) != whole
    assert changed.tolist() == [[False] * 5, [True] * 5, [False] * 5]


def test_the_cost_is_differentiable_in_the_actions():
    model, learned, memory, z_goal, actions = make_problem(1, 2, 3)
    cost = plan_cost(Networks(model, learned), memory, z_goal, CostToGoCost())
    assert cost.differentiable
    actions.requires_grad_()
    (gradient,) = torch.autograd.grad(cost(actions).sum(), actions)
    with torch.no_grad():
        bump = torch.zeros_like(actions)
        bump[0, 1, 0, 1] = 1e-2
        slope = (cost(actions + bump) - cost(actions - bump))[0, 1] / 2e-2
    assert gradient[0, 1, 0, 1].item() == pytest.approx(slope.item(), rel=0.05)


@pytest.mark.parametrize("running, terminal", [(-1.0, 1.0), (1.0, -0.1), (0.0, 0.0)])
def test_weights_that_make_no_cost_are_refused(running, terminal):
    with pytest.raises(
        ValueError, match=f"at least 0 and not both 0, got {running} and {terminal}"
    ):
        LatentCost(running, terminal)


def test_another_precision_is_refused():
    with pytest.raises(ValueError, match="precision must be one of auto, fp32, bf16; got 'fp16'"):
        CostToGoCost(precision="fp16")


@pytest.mark.parametrize("kind", costs.costs())
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_costs_live_where_the_model_lives(kind, device):
    model, learned = (
        make_model().to(device),
        CostToGo(4, CostToGoConfig(hidden=16, metric=8)).to(device),
    )
    reader = Fitted(4, 3, ReaderConfig(hidden=8))
    value = FittedValue(4, 3, ValueConfig(hidden=8))
    cost = plan_cost(
        Networks(model, learned, reader=reader.to(device), value=value.to(device)),
        model.memory(2),
        torch.zeros(2, 4, device=device),
        costs.costs()[kind](),
    )
    assert cost(torch.zeros(2, 3, 4, 2, device=device)).device.type == device
