"""Low-precision or compiled copies of the networks, made once per agent, used during the search.
The returned plan is scored again in fp32 (`TwoStageCost`), so they affect speed only.

Nothing here is timed: the same weights give the same choice on the same kind of machine.

Shapes: P problems, N plans, H horizon, A action block, D latent.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor

from latent_mpc.agent.costs.cost import Cost, plan_cost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.devices import use_bf16

PROBLEMS, PLANS = 16, 64  # that bf16 is checked on
# Reacher from pixels has 0.996 to 0.998 at horizons 3 to 16, success at 3 unchanged; 0.988 at 1,
# refused
LEAST_RANK = 0.99


def search_networks(
    networks: Networks, config: Cost, horizon: int
) -> tuple[Networks | None, dict[str, Any]]:
    """The networks to search with, None = the same ones; and what `results.json` says of them.

    Args:
        config: `precision` and `compile` are best effort; unsupported ones are skipped and
            reported.
        horizon: of the plans [model steps].
    """
    report: dict[str, Any] = {"precision": "fp32", "compiled": False}
    made: Networks | None = None
    with torch.no_grad():
        if use_bf16(config.precision, next(networks.model.parameters()).device):
            half = _copies(networks, bf16=True)
            report["rank_correlation"] = agreement(networks, half, config, horizon)
            if report["rank_correlation"] >= LEAST_RANK:
                made, report["precision"] = half, "bf16"
        if config.compile and (fused := compiled(made or networks, horizon)) is not None:
            made, report["compiled"] = fused, True
    return made, report


def agreement(reference: Networks, search: Networks, config: Cost, horizon: int) -> float:
    """Rank correlation of the costs of the same plans (Spearman 1904), the least of a fixed set of
    problems.

    Latents and goals are standard normal, as training makes them. Every other goal is where one of
    the plans leads: near the goal costs differ little, and order is lost first.
    """
    model, device = reference.model, next(reference.model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    actions = (
        torch.rand(PROBLEMS, PLANS, horizon, model.actions, generator=generator).to(device) * 2 - 1
    )
    z, goal = torch.randn(2, PROBLEMS, model.latent, generator=generator).to(device)
    memory = model.memory(PROBLEMS)._replace(z=z)
    goal[::2] = model.imagine(memory, actions[:, :1])[0, ::2, 0, -1]
    one, other = (
        ranks(plan_cost(networks, memory, goal, config)(actions))
        for networks in (reference, search)
    )
    return float((1 - 6 * (one - other).square().sum(dim=1) / (PLANS * (PLANS**2 - 1))).min())


def ranks(cost: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """Rank of each plan `[P, N]` in its problem by its cost, from 0; float64."""
    cost = cost[0] if isinstance(cost, tuple) else cost
    return cost.argsort(dim=1, stable=True).argsort(dim=1).double()


def compiled(networks: Networks, horizon: int) -> Networks | None:
    """The networks with their loops fused; None, saying so, where this machine cannot."""
    made, model = _copies(networks, compile=True), networks.model
    z = torch.zeros(2, model.latent, device=next(model.parameters()).device)
    try:
        made.cost_to_go.embed(
            made.model.rollout_ensemble(z, z.new_zeros(2, horizon, model.actions))[0]
        )
    # no compiler, no Triton, a graph that cannot be captured
    except (RuntimeError, ImportError, OSError) as error:
        print(
            "cost.compile=true is not possible here, going on without:"
            f" {str(error).strip().splitlines()[0]}",
            file=sys.stderr,
        )
        return None
    return made


def _copies(networks: Networks, bf16: bool = False, compile: bool = False) -> Networks:
    model, cost_to_go = (
        networks.model.search_copy(bf16, compile),
        networks.cost_to_go.search_copy(bf16, compile),
    )
    return networks._replace(model=model, cost_to_go=cost_to_go)
