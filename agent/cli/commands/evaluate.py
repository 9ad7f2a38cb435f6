"""Measure how often a checkpoint reaches its goals.

Independent pairs of start and goal, success at the end and at any time with intervals, and the
floors of a random and a still policy on the same pairs. Planner and cost are those the checkpoint
was trained with unless others are named. `oracle=true` plays the same planner in the real simulator
beside them, with the task's privileged cost: what it misses is not the model's fault. Its result is
kept in out/cache/.

Examples:
    latent-mpc evaluate checkpoint=reacher-pixels episodes=100 pairs.seed=7
    latent-mpc evaluate checkpoint=runs/reacher-state planner=mppi planner.horizon=3 out=runs/mppi
    latent-mpc evaluate checkpoint=reacher-pixels oracle=true
    latent-mpc evaluate checkpoint=reacher-pixels episodes=1000 engine=ray
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.checkpoints.shipped import find_checkpoint
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.evaluation.cache import Cache
from latent_mpc.agent.evaluation.evaluate import measure, origin
from latent_mpc.agent.evaluation.oracle_cache import cached_oracle, make_oracle
from latent_mpc.agent.evaluation.pairs import Pairs, pairs_of
from latent_mpc.agent.evaluation.results import (
    low,
    make_folder,
    print_results,
    require_folder,
    write_json,
)
from latent_mpc.agent.evaluation.shards import Made, play_in_shards
from latent_mpc.configs.command_line import checkpoint_settings, write
from latent_mpc.configs.schema import EvaluateConfig
from latent_mpc.envs.collection.engines import make_engine
from latent_mpc.envs.task import Task


def run(config: EvaluateConfig) -> int:
    """Play the pairs, write results.json, print the table."""
    folder = config.folder()
    require_folder(folder)
    engine = make_engine(config.engine)
    parts = load_parts(config.checkpoint, resolve_device(config.device))
    agent = make_agent(
        parts, planner=vars(config.planner), cost=vars(config.cost), seed=config.seed
    )
    task = make_task(parts.config, task_id=config.task.id)
    oracle = oracle_of(config, agent, task)  # what can be refused is, before an episode is played
    pairs = pairs_of(task, config.episodes, config.pairs)
    make_folder(folder)
    planner, cost = vars(config.planner), vars(config.cost)
    made = Made(config.checkpoint, planner, cost, config.seed, config.task.id)
    played = play_in_shards(agent, task, pairs, made, engine)
    settings = (config.pairs, planner, cost)
    result = measure(
        agent, task, pairs, *settings, oracle, outcome=played.outcome, ends=played.floors
    )
    result["checkpoint"] = {
        "path": config.checkpoint,
        **origin(parts.config),
        **training_time(config.checkpoint),
    }
    write_json(folder / "results.json", result)
    print_results(result)
    then = write(
        "horizon" if low(result) else "demo", checkpoint_settings(config.checkpoint, config.task.id)
    )
    print(f"wrote {folder / 'results.json'}\nnext: {then}")
    return 0


def oracle_of(
    config: EvaluateConfig, agent: Agent, task: Task
) -> Callable[[Pairs], dict[str, Any]] | None:
    """What plays the oracle on pairs: the agent's planner, weights and seed. None unless
    `oracle=true`.

    Raises ValueError where there can be no oracle.
    """
    if not config.oracle:
        return None
    planner = {**vars(config.planner), "horizon": config.oracle_horizon or config.planner.horizon}
    # to be refused, if at all, before anything is played
    make_oracle(task, planner, agent.cost, agent.action_repeat, threads=1)
    cache = Cache.within(config.folder(), config.reuse)
    return lambda pairs: cached_oracle(
        cache, task, pairs, planner, agent.cost, agent.action_repeat, agent.seed
    )


def training_time(checkpoint: str) -> dict[str, Any]:
    """`{"train_seconds": …}` of a checkpoint that was trained in one go, as its own results.json
    says; else nothing.
    """
    try:
        trained = json.loads(
            (find_checkpoint(checkpoint) / "results.json").read_text(encoding="utf-8")
        )
        return {} if trained["resumed"] else {"train_seconds": float(trained["train_seconds"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
