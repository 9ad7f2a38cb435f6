"""Imagined rollouts in the fastest mode against eager fp32, the same networks: `python -m
benchmarks.speed.rollouts [threads=1] [out=FILE]`.

"Eager fp32" is the plain loop: one concatenation and one call of the predictor per step for all
rollouts at once, then one call of the cost-to-go for all latents. Times are medians of runs in
turn, so that what else the machine does falls on all alike. Two models: Reacher from pixels as it
ships, and a reference net without normalisation (68-256-256-64, SiLU, residual, squared distance at
the end).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_agent, make_planner, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.costs.latent import LatentCost
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.evaluation.evaluate import milliseconds, time_decisions
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.agent.evaluation.results import versions, write_json
from latent_mpc.agent.evaluation.statistics import spearman
from latent_mpc.agent.heads.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.jepa import Jepa, JepaConfig
from latent_mpc.agent.models.latent_model import LatentModel

# B, N, H, repetitions
SIZES = ((1, 512, 16, 9), (32, 512, 16, 3), (100, 512, 16, 1), (1, 64, 3, 200), (100, 64, 3, 9))
MODES = {"fp32": "fp32 in chunks", "bf16": "bf16 in chunks"}
Run = Callable[[], Tensor]


def main(threads: int = 1, out: str = "runs/benchmarks/rollouts.json") -> None:
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    models = {"reacher-pixels": shipped, "reference net": reference}
    found: dict[str, Any] = {
        "threads": threads,
        "torch": torch.__config__.show(),
        "versions": versions(),
    }
    found["rollouts"] = [row for name, make in models.items() for row in compare(name, make)]
    found["decision"] = decisions()
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_json(Path(out), found)
    print(f"wrote {out}")


def modes(quick: bool) -> dict[str, float]:
    """Milliseconds by mode of the shipped model at B = 1, N = 512, H = 16: what
    `benchmarks.planners` shows.
    """
    agents = {mode: shipped(mode) for mode in MODES}
    with torch.no_grad():
        times: dict[str, float] = measure(agents, 1, 512, 16, 3 if quick else 30)["ms"]
    return times


def shipped(precision: str) -> Agent:
    parts = load_parts("reacher-pixels")
    return make_agent(parts, cost={**parts.config["cost"], "precision": precision})


def reference(precision: str) -> Agent:
    torch.manual_seed(0)
    model = Jepa(JepaConfig(latent=64, hidden=256), {"state": (3,)}, 4).eval()
    model.predictor = nn.Sequential(
        nn.Linear(68, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU(), nn.Linear(256, 64)
    )
    model.requires_grad_(False)
    planner = make_planner(
        "cem", actions=4, horizon=16, action_repeat=1, device=torch.device("cpu")
    )
    return Agent(
        Networks(model, CostToGo(64, CostToGoConfig())),
        planner,
        LatentCost(running=0.0, precision=precision),
    )


def eager(agent: Agent, z: Tensor, z_goal: Tensor, actions: Tensor) -> Tensor:
    """The plain loop."""
    model, learned, latents = agent.model, agent.cost_to_go, []
    assert isinstance(model, LatentModel)
    z = z[:, None].expand(-1, actions.shape[1], -1)
    for action in actions.unbind(dim=2):
        z = z + model.predictor(torch.cat([z, action], dim=-1))
        latents.append(z)
    steps, goal = torch.stack(latents, dim=2), z_goal[:, None, None]
    if isinstance(agent.cost, LatentCost):
        distance = (steps - goal).square().mean(dim=-1)
    else:
        distance = learned.between(learned.embed(steps), learned.embed(goal))
    return agent.cost.running * distance.mean(dim=-1) + agent.cost.terminal * distance[..., -1]


def compare(name: str, make: Callable[[str], Agent]) -> list[dict[str, Any]]:
    agents, rows = {mode: make(mode) for mode in MODES}, []
    for B, N, H, repetitions in SIZES:
        row = {
            "model": name,
            "B": B,
            "N": N,
            "H": H,
            "precision": agents["bf16"].search_report["precision"],
        }
        rows.append(row | measure(agents, B, N, H, repetitions))
        print(f"{name}, B={B} N={N} H={H}: {summary(rows[-1])}", flush=True)
    return rows


def measure(agents: dict[str, Agent], B: int, N: int, H: int, repetitions: int) -> dict[str, Any]:
    """Times [ms], and how well the costs of both modes agree; the error is in standard deviations
    of a problem's costs.
    """
    model, generator = agents["fp32"].model, torch.Generator().manual_seed(0)
    z, z_goal = torch.randn(2, B, model.latent, generator=generator)
    actions = torch.rand(B, N, H, model.actions, generator=generator) * 2 - 1
    memory = model.memory(B)._replace(z=z)
    runs: dict[str, Run] = {"eager fp32": partial(eager, agents["fp32"], z, z_goal, actions)}
    runs |= {
        MODES[mode]: partial(
            cast(Callable[[Tensor], Tensor], agents[mode].plan_cost(memory, z_goal)), actions
        )
        for mode in MODES
    }
    exact, rough = runs["eager fp32"](), runs[MODES["bf16"]]()
    return {
        "ms": in_turn(runs, repetitions),
        "rank_correlation": min(
            spearman(*costs) or 0.0
            for costs in zip(exact.double().numpy(), rough.double().numpy(), strict=True)
        ),
        "error": float((rough - exact).abs().mean() / exact.std(dim=1).mean()),
        "elites_shared": elites_shared(exact, rough),
    }


def summary(row: dict[str, Any]) -> str:
    times = ", ".join(
        f"{mode} {ms:.2f} ms ({row['ms']['eager fp32'] / ms:.2f}x)"
        for mode, ms in row["ms"].items()
    )
    agree = f"rank correlation at least {row['rank_correlation']:.4f}, error {row['error']:.4f} std"
    return f"{times}; {agree}, {row['elites_shared']:.0%} of the best eighth shared"


def in_turn(runs: dict[str, Run], repetitions: int) -> dict[str, float]:
    """Median time of each [ms]."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - begin) * 1e3)
    return {name: float(np.median(taken)) for name, taken in times.items()}


def elites_shared(one: Tensor, other: Tensor) -> float:
    """Share of the best eighth of the plans that is the best eighth by the other cost too."""
    count = one.shape[1] // 8
    best = [
        torch.zeros_like(cost).scatter(1, cost.topk(count, largest=False).indices, 1.0)
        for cost in (one, other)
    ]
    return float((best[0] * best[1]).sum() / best[0].sum())


def decisions() -> dict[str, Any]:
    """Whole decisions at B = 1, encoding included, with the shipped planner."""
    agents = {mode: shipped(mode) for mode in MODES}
    parts = load_parts("reacher-pixels")
    task = make_task(parts.config)
    pairs = draw_pairs(task, 1, 0, "independent", 25).pairs
    taken: dict[str, list[float]] = {mode: [] for mode in MODES}
    for _ in range(5):
        for mode, agent in agents.items():
            taken[mode] += time_decisions(agent, task, pairs)
    found = {mode: milliseconds(times) for mode, times in taken.items()}
    for mode, times in found.items():
        print(
            f"whole decision, {mode}: {times['median']:.1f} ms, {1e3 / times['median']:.0f}"
            " decisions/s"
        )
    return found


if __name__ == "__main__":
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    main(int(given.pop("threads", 1)), *given.values())
