"""Searching in bf16: what it may change, what it may not, and when it is not done."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, make_agent
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.costs import search_networks
from latent_mpc.agent.costs.cost import TwoStageCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.models.base import Memory
from latent_mpc.agent.models.latent_model import LatentModel

B = 20


@pytest.fixture(scope="module")
def parts() -> Parts:
    return load_parts("reacher-pixels")


def agent_in(parts: Parts, precision: str, planner: str = "cem") -> Agent:
    return make_agent(
        parts, planner={"name": planner}, cost={**parts.config["cost"], "precision": precision}
    )


def problems(parts: Parts, count: int = B, seed: int = 0) -> tuple[Memory, Tensor, Tensor]:
    """Memories, goals and 64 plans each; a goal lies where one of the plans leads."""
    generator = torch.Generator().manual_seed(seed)
    memory = parts.model.memory(count)._replace(
        z=torch.randn(count, parts.model.config.latent, generator=generator)
    )
    actions = torch.rand(count, 64, 3, parts.model.actions, generator=generator) * 2 - 1
    return memory, parts.model.imagine(memory, actions[:, :1])[0, :, 0, -1], actions


def plain(cost: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """Without violations, as there are no constraints."""
    assert isinstance(cost, Tensor)
    return cost


def predictor(parts: Parts) -> nn.Module:
    assert isinstance(parts.model, LatentModel)
    return parts.model.predictor


def spearman(one: Tensor, other: Tensor) -> float:
    """The correlation of ranks, by its definition."""
    return float(
        torch.corrcoef(torch.stack([x.argsort().argsort().double() for x in (one, other)]))[0, 1]
    )


def test_bf16_costs_order_plans_as_fp32_ones_do(parts: Parts) -> None:
    agent = agent_in(parts, "bf16")
    assert agent.search_report["precision"] == "bf16"
    memory, z_goal, actions = problems(parts, 20, seed=1)
    cost = agent.plan_cost(memory, z_goal)
    assert isinstance(cost, TwoStageCost)
    low, exact = plain(cost(actions)), plain(cost.exact(actions))
    assert not torch.equal(low, exact)
    assert min(map(spearman, low, exact)) > 0.98
    torch.testing.assert_close(low, exact, rtol=0.05, atol=0.3)  # [model steps]


def test_the_agreement_is_the_least_rank_correlation_of_the_problems(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = Networks(parts.model, parts.cost_to_go)
    assert search_networks.agreement(networks, networks, agent_in(parts, "fp32").cost, 3) == 1.0
    one, other = torch.randn(
        2,
        search_networks.PROBLEMS,
        search_networks.PLANS,
        generator=torch.Generator().manual_seed(0),
    )
    told = iter([lambda _: one, lambda _: other])
    monkeypatch.setattr(search_networks, "plan_cost", lambda *_: next(told))
    expected = min(map(spearman, one, other))
    assert search_networks.agreement(
        networks, networks, agent_in(parts, "fp32").cost, 3
    ) == pytest.approx(expected)


def test_fp32_is_as_the_networks_are(parts: Parts) -> None:
    agent = agent_in(parts, "fp32")
    assert (agent.search, agent.search_report) == (None, {"precision": "fp32", "compiled": False})
    memory, z_goal, actions = problems(parts, 3)
    z = parts.model.imagine(memory, actions)[0]
    steps = parts.cost_to_go(z, z_goal[:, None, None])
    torch.testing.assert_close(
        agent.plan_cost(memory, z_goal)(actions),
        steps.mean(-1) + steps[..., -1],
        rtol=1e-5,
        atol=1e-5,
    )


def test_where_bf16_loses_the_order_the_search_stays_in_fp32_and_says_so(parts: Parts) -> None:
    far = load_parts("reacher-pixels")
    with torch.no_grad():
        # its bias; latents there have steps of 2 in bf16
        list(predictor(far).parameters())[-1].add_(300)
    agent = agent_in(far, "bf16")
    assert agent.search is None
    assert (
        agent.search_report["precision"] == "fp32"
        and agent.search_report["rank_correlation"] < search_networks.LEAST_RANK
    )


def test_making_bf16_copies_leaves_the_networks_alone(parts: Parts) -> None:
    agent = agent_in(parts, "bf16")
    assert agent.search is not None and agent.search.model is not parts.model
    assert {p.dtype for p in parts.modules().parameters()} == {torch.float32}
    assert not any(getattr(part, "inplace", False) for part in parts.modules().modules())


@pytest.mark.slow
def test_the_plans_cost_is_the_fp32_cost_of_its_actions_and_not_above_the_nominals(
    parts: Parts,
) -> None:
    agent, (memory, z_goal, actions) = agent_in(parts, "bf16"), problems(parts)
    warm = agent.planner.init(B, 0)
    # nominal plans that lead to the goal
    warm = warm._replace(mean=actions[:, 0], known=warm.known + 3)
    plan = agent.planner.plan(agent.plan_cost(memory, z_goal), warm)
    exact = agent_in(parts, "fp32").plan_cost(memory, z_goal)
    torch.testing.assert_close(
        plan.cost, plain(exact(plan.actions[:, None]))[:, 0], rtol=1e-5, atol=1e-5
    )
    assert (plan.cost <= plain(exact(actions[:, :1]))[:, 0] + 1e-5).all()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_plan_is_the_same_alone_in_a_batch_and_permuted(parts: Parts, precision: str) -> None:
    agent, (memory, z_goal, _) = agent_in(parts, precision), problems(parts)
    warm = agent.planner.init(B, 0)

    def plan(index: Tensor) -> Tensor:
        return agent.planner.plan(
            agent.plan_cost(memory.select(index), z_goal[index]), warm.select(index)
        ).actions

    whole = plan(torch.arange(B))
    order = torch.randperm(B, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([plan(index) for index in torch.arange(B).split(1)])
    for other, expected in ((alone, whole), (plan(order), whole[order])):
        assert int(((other - expected).abs() > 1e-4).flatten(1).any(1).sum()) <= 1


def test_gradients_are_those_of_fp32(parts: Parts) -> None:
    memory, z_goal, actions = problems(parts, 2)
    slopes = []
    for precision in ("bf16", "fp32"):
        plans = actions.clone().requires_grad_()
        slopes.append(
            torch.autograd.grad(
                plain(agent_in(parts, precision).plan_cost(memory, z_goal)(plans)).sum(), plans
            )[0]
        )
    assert torch.equal(*slopes) and bool(slopes[0].any())


@pytest.mark.parametrize("planner", ["gradient", "hybrid"])
def test_planners_that_take_gradients_search_in_fp32(parts: Parts, planner: str) -> None:
    agent, (memory, z_goal, _) = agent_in(parts, "bf16", planner), problems(parts, 2)
    assert agent.search_report["precision"] == "fp32"
    assert (
        agent.planner.plan(agent.plan_cost(memory, z_goal), agent.planner.init(2, 0))
        .cost.isfinite()
        .all()
    )


@pytest.mark.slow
def test_where_nothing_can_be_compiled_it_goes_on_without_and_says_so(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_compiler(*_: Tensor) -> Tensor:
        raise RuntimeError("No working C++ compiler found\nmore lines")

    monkeypatch.setattr("latent_mpc.agent.models.search_copy.fused", lambda function: no_compiler)
    agent = make_agent(parts, cost={**parts.config["cost"], "precision": "fp32", "compile": True})
    assert agent.search_report == {"precision": "fp32", "compiled": False}
    assert (
        capsys.readouterr().err
        == "cost.compile=true is not possible here, going on without: No working C++ compiler"
        " found\n"
    )
