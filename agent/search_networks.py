"""Low-precision or compiled copies of the networks, used during the search: bf16 where the machine multiplies it natively and the order
of plans stays. The returned plan is re-scored in fp32 (`TwoStageCost`), so they affect speed only. Made once per agent.

Nothing here is timed: the same weights give the same choice on the same kind of machine.

Shapes: P problems, N plans, H horizon, A action block, D latent.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from latent_mpc.agent.costs import Cost, Networks, plan_cost
from latent_mpc.agent.devices import use_bf16
from latent_mpc.agent.models.cost_to_go import CostToGo
from latent_mpc.agent.models.world_model import WorldModel

PROBLEMS, PLANS = 16, 64  # that bf16 is checked on
LEAST_RANK = 0.99  # Reacher from pixels has 0.996 to 0.998 at horizons 3 to 16, success at 3 unchanged; 0.988 at 1, refused
Part = TypeVar("Part", bound=nn.Module)


def rough_networks(model: WorldModel, cost_to_go: CostToGo, config: Cost, horizon: int) -> tuple[Networks | None, dict[str, Any]]:
    """The networks to search with, None = the exact ones themselves; and what `results.json` says of them.

    Args:
        config: its `precision` and `compile` are best effort; unsupported ones are skipped and reported.
        horizon: of the plans [model steps].
    """
    exact = Networks(model, cost_to_go)
    told: dict[str, Any] = {"precision": "fp32", "compiled": False}
    made: Networks | None = None
    with torch.no_grad():
        if use_bf16(config.precision, next(model.parameters()).device):
            half = Networks(in_bf16(model, "predictor"), in_bf16(cost_to_go, "layers"))
            told["rank_correlation"] = agreement(exact, half, config, horizon)
            if told["rank_correlation"] >= LEAST_RANK:
                made, told["precision"] = half, "bf16"
        if config.compile and (fused := compiled(made or exact, horizon)) is not None:
            made, told["compiled"] = fused, True
    return made, told


class Half(nn.Module):
    """Layers in bf16 between inputs and outputs of the caller's own type, so that latents are still added up in fp32."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = copy.deepcopy(layers).requires_grad_(False).to(torch.bfloat16)
        for part in self.layers.modules():
            if isinstance(part, nn.SiLU):
                part.inplace = True  # no gradient is taken: TwoStageCost
            if isinstance(part, nn.LayerNorm) and part.weight.device.type == "cpu":
                part.float()  # 62 instead of 74 us for 512 x 256; a GPU takes no mixed types here

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.to(torch.bfloat16)).to(x.dtype)


def in_bf16(module: Part, name: str) -> Part:
    """A copy of a module whose part `name` computes in bf16."""
    made = copy.deepcopy(module)
    setattr(made, name, Half(getattr(module, name)))
    return made


def agreement(exact: Networks, rough: Networks, config: Cost, horizon: int) -> float:
    """Rank correlation of the costs of the same plans (Spearman 1904), the least of a fixed set of problems.

    Latents and goals are standard normal, as training makes them. Every other goal is where one of the plans leads: near the goal
    costs differ little, and order is lost first.
    """
    model, device = exact.model, next(exact.model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    width = model.config.latent
    actions = torch.rand(PROBLEMS, PLANS, horizon, model.actions, generator=generator).to(device) * 2 - 1
    z, goal = torch.randn(2, PROBLEMS, width, generator=generator).to(device)
    memory = model.memory(PROBLEMS)._replace(z=z)
    goal[::2] = model.imagine(memory, actions[:, :1])[0, ::2, 0, -1]
    one, other = (ranks(plan_cost(*networks, memory, goal, config)(actions)) for networks in (exact, rough))
    return float((1 - 6 * (one - other).square().sum(dim=1) / (PLANS * (PLANS**2 - 1))).min())


def ranks(cost: Tensor) -> Tensor:
    """Rank of each plan `[P, N]` in its problem, from 0; float64."""
    return cost.argsort(dim=1, stable=True).argsort(dim=1).double()


def compiled(networks: Networks, horizon: int) -> Networks | None:
    """The networks with their loops fused; None, saying so, where this machine cannot."""
    made = Networks(copy.copy(networks.model), copy.copy(networks.cost_to_go))
    made.model.rollout = fused(made.model.rollout)  # type: ignore[method-assign]
    made.cost_to_go.embed = fused(made.cost_to_go.embed)  # type: ignore[method-assign]
    z = torch.zeros(2, networks.model.config.latent, device=next(networks.model.parameters()).device)
    try:
        made.cost_to_go.embed(made.model.rollout(z, z.new_zeros(2, horizon, networks.model.actions)))
    except (RuntimeError, ImportError, OSError) as error:  # no compiler, no Triton, a graph that cannot be captured
        print(f"cost.compile=true is not possible here, going on without: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        return None
    return made


def fused(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of tensors, compiled; CUDA graphs on a GPU, whose outputs live until the next call only, hence the copy."""
    inner = torch.compile(function, mode="reduce-overhead")

    def run(*tensors: Tensor) -> Tensor:
        torch.compiler.cudagraph_mark_step_begin()
        return inner(*tensors).clone()

    return run
