"""The order of a training: collect, explore, train each part, validate, save."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latent_mpc.agent import ranks
from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, build, make_agent
from latent_mpc.agent.checkpoints.checkpoint import save_parts
from latent_mpc.agent.checkpoints.validation import FORMAT
from latent_mpc.agent.costs.cost import other_cost, usable_costs
from latent_mpc.agent.devices import one_thread
from latent_mpc.agent.evaluation.episodes import Outcome
from latent_mpc.agent.evaluation.evaluate import measure
from latent_mpc.agent.evaluation.horizon_selection import HORIZONS, PUSHING, Playing, play_settings
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.agent.evaluation.results import versions
from latent_mpc.agent.evaluation.shards import Made, play_in_shards
from latent_mpc.agent.heads.head import FrozenData, Head, heads
from latent_mpc.agent.training.exploration import explore
from latent_mpc.agent.training.features import with_features
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.agent.training.world_model import train_world_model
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import CollectionConfig, PairsConfig, TrainConfig
from latent_mpc.configs.seeding import WEIGHTS, sequence
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.collection.collect import Job, collect
from latent_mpc.envs.collection.engines import Local
from latent_mpc.envs.rollouts.joined_rows import parts_of
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.task import Task


def validate(
    parts: Parts, task: Task, config: TrainConfig, pairs: Pairs, folder: Path | None = None
) -> dict[str, Any]:
    """What the agent reaches on the validation pairs; where the plan's length is left open, with
    the best, which stays in `parts`, and so does the best cost where several are tried.

    Args:
        folder: that holds the parts, for other processes to play some of the pairs; None = in this
            one.
    """
    planner, own = parts.config["planner"], parts.config["cost"]
    open_lengths = PUSHING if task.pushes else HORIZONS
    lengths = [config.planner.horizon] if config.planner.horizon else open_lengths
    others = usable_costs(parts.networks) if own["name"] == "cost_to_go" else {}
    tried = [own, *(other_cost(own, name) for name in config.other_costs if name in others)]
    playing = by_processes(parts, task, config, pairs, folder) if folder else None
    played = play_settings(parts, task, pairs, config.seed, tried, lengths, playing)
    outcomes = played[parts.config["cost"]["name"]]
    agent, best = make_agent(parts, seed=config.seed), outcomes[planner["horizon"]]
    return {
        **measure(
            agent,
            task,
            pairs,
            PairsConfig(seed=0),
            dict(planner),
            parts.config["cost"],
            outcome=best,
        ),
        "horizons": _by_length(outcomes),
        **(
            {"costs": {name: _by_length(some) for name, some in played.items()}}
            if len(played) > 1
            else {}
        ),
    }


def by_processes(
    parts: Parts, task: Task, config: TrainConfig, pairs: Pairs, folder: Path
) -> Playing:
    """What plays the pairs in processes, with the planner and cost of the moment."""

    def playing(agent: Agent, label: str) -> Outcome:
        planner, cost = parts.config["planner"], parts.config["cost"]
        made = Made(
            str(folder), dict(planner), dict(cost), config.seed, getattr(config.task, "id", "")
        )
        return play_in_shards(agent, task, pairs, made, Local(), label=label, floors=False).outcome

    return playing


def _by_length(outcomes: Mapping[int, Outcome]) -> dict[int, dict[str, float]]:
    return {
        horizon: {"success_end": float(one.end.mean()), "time_at_goal": one.time_at_goal}
        for horizon, one in outcomes.items()
    }


def train(
    parts: Parts,
    task: Task,
    rollouts: Rollouts,
    config: TrainConfig,
    folder: Path,
    updates: int = 0,
) -> FrozenData:
    """World model, then the heads on what it makes of the data, which is returned; each goes on
    from its own state on disk.

    `updates` of the world model, and of heads that take as many, if not those of the config.
    """
    repeat, trainer = config.task.action_repeat, Trainer(folder, config.seed)
    training = replace(config.training, steps=updates or config.training.steps)
    seen = with_features(rollouts, parts.model)
    # of states, products so small that waking a second thread takes longer (docs/log.md)
    states_only = tuple(parts.model.shapes) == ("state",)
    with one_thread() if states_only else nullcontext():
        train_world_model(
            parts.model, seen, training, repeat, trainer, seldom_moving(parts, task, rollouts)
        )
    z, last, source = encode_rollouts(parts.model, seen, repeat, folder / "training", shown=True)
    data, fitted = (
        FrozenData(
            z, last, source, rollouts, repeat, task.tracked_point, task.counted, parts.model
        ),
        dict[str, Head](),
    )
    for name, head in parts.heads.items():
        head.fit(data, fitted, trainer, updates)
        fitted[name] = head
    return data


def seldom_moving(parts: Parts, task: Task, rollouts: Rollouts) -> np.ndarray | None:
    """What counts in each row `[N, C]`, standardised, where it is an object; its share of training
    windows is raised then. Of states only: what pictures do not show stays unknown to training.
    """
    if not task.pushes or tuple(parts.model.shapes) != ("state",) or "physics" not in rollouts.keys:
        return None
    parts_counted = [task.counted(states) for states in parts_of(rollouts.arrays["physics"])]
    numbers = np.concatenate([one for one in parts_counted if one is not None])  # the object
    return numbers / np.maximum(numbers.std(axis=0), 1e-6)


def explore_once(
    parts: Parts, task: Task, rollouts: Rollouts, config: TrainConfig, folder: Path, number: int
) -> Rollouts:
    """Train a little on what there is, from the weights that there are, and let the agent collect
    more, as `exploring` has it; the folder is a checkpoint.
    """
    first = config.collect.episodes + number * config.explore.episodes
    data = train(parts, task, rollouts, config, folder, config.explore.steps)
    save(parts, rollouts, folder)
    job = Job(
        config.task.name,
        task_options(config.task, config.collect),
        config.observations,
        config.collect.behaviour,
        config.seed,
    )
    numbers = range(first, first + config.explore.episodes)
    return explore(
        exploring(parts, task, config),
        job,
        rollouts,
        data.z,
        numbers,
        config.explore.novelty,
        progress=f"round {number + 1} of {config.explore.rounds}",
    )


def exploring(parts: Parts, task: Task, config: TrainConfig) -> Agent:
    """The agent that collects: the run's own, but where an object counts it plans for the object
    alone, as far as it learned how, unless another cost or length was asked for.
    """
    planner, cost = parts.config["planner"], parts.config["cost"]
    if task.pushes and not config.planner.horizon:
        planner = {**planner, "horizon": PUSHING[1]}
    if task.pushes and cost["name"] == "cost_to_go" and "value" in usable_costs(parts.networks):
        cost = other_cost(cost, "value")
    return make_agent(parts, planner=planner, cost=cost, seed=config.seed)


def save(parts: Parts, rollouts: Rollouts, folder: Path) -> None:
    """Write the checkpoint, which says what it was trained on; of several ranks the first does."""
    parts.config |= {"data": describe_data(rollouts), "versions": versions()}
    if ranks.rank() == 0:
        save_parts(parts, folder)


def initialise(config: dict[str, Any], seed: int) -> Parts:
    """Parts with fresh weights that depend on the run's seed only; the caller's random numbers are
    left alone.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(sequence(seed, WEIGHTS).generate_state(1)[0]))
        parts = build(config)
    for digest, _ in parts.model.frozen_encoders().values():
        # another network in its folder is then refused
        parts.config["model"]["encoder"]["digest"] = digest
    return parts


def gathered(config: TrainConfig, folder: Path) -> Rollouts:
    """The run's own rollouts, collected as far as they are missing, of several ranks by the first.
    Raises ValueError if they were damaged since.
    """
    notes = {"explore": asdict(config.explore)} if config.explore.rounds else None
    ranks.by_first(
        lambda: gather(config.task, config.observations, config.collect, config.seed, folder, notes)
    )
    rollouts = Rollouts(folder, config.data_skip)
    rollouts.require_whole()
    return rollouts


def describe(config: TrainConfig, task: Task) -> dict[str, Any]:
    """The checkpoint's config.yaml, data and versions aside: everything that building the parts and
    repeating the run needs.
    """
    values = asdict(config)
    spaces = {key: list(shown.shape) for key, shown in task.observation().items()}
    parts = {
        key: values[key]
        for key in ("task", "obs", "seed", "model", "training", *heads(), "planner", "cost")
    }
    parts["planner"]["horizon"] = config.planner.horizon or HORIZONS[0]
    counted = task.counted(task.snapshot()[None])
    if counted is not None and counted.shape[1]:
        parts["counted"] = counted.shape[1]
    return {
        "format": FORMAT,
        **parts,
        "spaces": spaces,
        "actions": task.action_width * config.task.action_repeat,
    }


def describe_data(rollouts: Rollouts) -> dict[str, Any]:
    """What the checkpoint says of its data."""
    return {
        "fingerprint": rollouts.fingerprint,
        "episodes": len(rollouts),
        "steps": int(rollouts.lengths.sum()),
        "behaviour": rollouts.meta.get("behaviour"),
    }


def gather(
    task: TaskConfig,
    observations: tuple[str, ...],
    collection: CollectionConfig,
    seed: int,
    folder: Path,
    notes: Mapping[str, Any] | None = None,
    engine: str = "local",
) -> Rollouts:
    """The folder's rollouts, collected as far as they are missing; `task` as `open_task` completes
    it.
    """
    return collect(
        task.name,
        task_options(task, collection),
        observations,
        collection.behaviour,
        collection.episodes,
        seed,
        folder,
        collection.workers or None,
        engine,
        notes=notes,
        patience=collection.patience,
    )


def task_options(task: TaskConfig, collection: CollectionConfig) -> dict[str, Any]:
    """What the collecting task is made with. Raises ValueError for a start cell where there are
    none.
    """
    if collection.start and not task.name.startswith("pointmaze"):
        raise LatentMPCError(f"start must be empty for {task.name}: only mazes have cells")
    # given goals are where rollouts begin, too; without them the data are those of any
    options = {key: value for key, value in task.options().items() if key != "goals" or value}
    return {**options, **({"start": list(collection.start)} if collection.start else {})}
