"""Evaluate settings on pairs, all pairs of a setting in one batch, each setting once: earlier
results come from the cache.

Shapes: B pairs, T control steps, H horizon, n simulator state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.build import Parts, make_agent, make_cost, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.checkpoints.shipped import anywhere, find_checkpoint
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.evaluation.cache import Cache, address, code_of, of_file
from latent_mpc.agent.evaluation.episodes import Outcome, Step, begin, outcomes
from latent_mpc.agent.evaluation.evaluate import fingerprint
from latent_mpc.agent.evaluation.oracle_cache import make_oracle, see
from latent_mpc.agent.evaluation.pairs import Pairs, draw_pairs
from latent_mpc.agent.evaluation.results import versions
from latent_mpc.agent.evaluation.spread import PATIENCE, imagined_steps, processes
from latent_mpc.agent.horizon.replanning import ReplanEvery
from latent_mpc.agent.horizon.settings import ROLES, Setting
from latent_mpc.agent.oracle import Oracle
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import HorizonConfig
from latent_mpc.envs.collection.engines import make_engine
from latent_mpc.envs.progress import Progress
from latent_mpc.envs.task import Task

# how many times longer a step of the simulator takes than an imagined one, for the progress bar
# only
ORACLE_WEIGHT = 12
CODE = (  # what outcomes come out of
    *(
        "envs",
        "planners",
        "agent/models",
        "agent/heads",
        "agent/costs",
        "agent/evaluation",
        "agent/agent.py",
        "agent/build.py",
        "agent/oracle.py",
    ),
    "agent/horizon/replanning.py",
)


class Sweep:
    """A checkpoint, its task, the pairs, the cache and a progress bar.

    Args:
        parts: the loaded checkpoint.
        task: it was trained on.
        config: of the command.
        cache: of results.
    """

    def __init__(self, parts: Parts, task: Task, config: HorizonConfig, cache: Cache) -> None:
        self.parts, self.task, self.config, self.cache = parts, task, config, cache
        self.weights = of_file(find_checkpoint(config.checkpoint) / "model.safetensors")
        self.repeat: int = parts.config["task"]["action_repeat"]
        # once: reading them all takes longer than a decision
        self.sources = {"versions": versions(), "code": code_of(CODE)}
        self._pairs: dict[tuple[int, int], Pairs] = {}
        self.progress = Progress("", 0)
        self.engine = make_engine(config.engine)

    @classmethod
    def open(cls, config: HorizonConfig) -> Sweep:
        """The sweep that a command's settings ask for.

        Raises:
            ValueError: the training's own seed as `data_seed`, or a planner or cost that does not
                fit.
            FileNotFoundError: no such checkpoint, no cache in a folder to reuse.
            OSError: the folder cannot be written.
        """
        parts = load_parts(config.checkpoint, resolve_device(config.device))
        if config.data_seed == parts.config["seed"]:
            raise LatentMPCError(
                "data_seed must differ from the seed that the checkpoint was trained with, both"
                f" are {config.data_seed}"
            )
        task = make_task(parts.config, task_id=config.task.id)
        # refused before anything is written
        make_agent(parts, planner=vars(config.planner), cost=vars(config.cost))
        return cls(parts, task, config, Cache.within(config.folder(), config.reuse))

    @property
    def seconds(self) -> float:
        """Length of a model step [s]."""
        return self.repeat * self.task.control_period

    def pairs(self, seed: int, count: int) -> Pairs:
        """The first `count` pairs of a seed."""
        if (seed, count) not in self._pairs:
            asked = self.config.pairs
            self._pairs[seed, count] = draw_pairs(self.task, count, seed, asked.kind, asked.offset)
        return self._pairs[seed, count]

    def play(
        self, settings: Sequence[Setting], then: Sequence[Setting] = ()
    ) -> list[dict[str, Any]]:
        """What each setting reaches, in their order: `{"role": …, "end": [0 or 1 of each pair],
        "any": …, …}`.

        Args:
            then: what will probably be asked for next; the progress bar counts it in.
        """
        todo = self._missing(settings)
        self.progress.total = self.progress.done + sum(
            map(self._work, [*todo, *self._missing(then)])
        )
        work = sum(map(self._work, todo))
        if todo and (count := processes(self.engine, self.device, len(todo), work)):
            self._play_in_processes(todo, count)
        for setting in todo:
            # two roles may be one and the same
            if self.cache.read(self.cache_key(setting)) is None:
                self._play(setting)
        return [self.result(setting) for setting in settings]

    def result(self, setting: Setting) -> dict[str, Any]:
        """The result of a setting that was evaluated."""
        result = self.cache.read(self.cache_key(setting))
        assert result is not None
        return {
            "role": setting.role,
            "label": setting.label,
            "horizon": setting.horizon,
            "seconds": setting.horizon * self.seconds,
            "evaluations": setting.evaluations,
            "pairs_fingerprint": fingerprint(self.pairs(setting.pairs_seed, setting.pairs)),
            **asdict(setting),
            **result,
        }

    def film(self, setting: Setting) -> dict[str, np.ndarray]:
        """States `[T + 1, B, n]` and imagined paths `[T, B, H, 3]` [m] of a setting at a horizon
        that was evaluated.
        """
        result = self.cache.arrays(self.cache_key(setting))
        if result is None:
            raise FileNotFoundError(
                f"the episodes of {setting.label} are missing beside their result; copy their npz"
                " files too"
            )
        return result

    def cache_key(self, setting: Setting) -> dict[str, Any]:
        """All that the outcome of a setting depends on, as a key of the cache; the oracle knows no
        weights.
        """
        who = (
            {"kind": "oracle"}
            if setting.role == "oracle"
            else {"kind": "agent", "weights": self.weights, "device": self.device.type}
        )
        return {
            "planner": dict(setting.planner),
            "cost": dict(setting.cost),
            "every": setting.every,
            "seed": self.config.seed,
            "task": self.task.name,
            "action_repeat": self.repeat,
            "pairs": fingerprint(self.pairs(setting.pairs_seed, setting.pairs)),
            **who,
            **self.sources,
        }

    @property
    def device(self) -> torch.device:
        """Where the checkpoint lives."""
        return next(self.parts.model.parameters()).device

    def agent(self, setting: Setting) -> Agent:
        """The agent that a setting describes."""
        made = make_agent(
            self.parts, planner=setting.planner, cost=setting.cost, seed=self.config.seed
        )
        return (
            made.deciding(ReplanEvery(made.decision, setting.every)) if setting.every > 1 else made
        )

    def oracle(self, setting: Setting, threads: int = 0) -> Oracle:
        """The oracle that a setting describes."""
        return make_oracle(
            self.task,
            setting.planner,
            make_cost(setting.cost),
            self.repeat,
            self.config.seed,
            threads,
        )

    def _missing(self, settings: Sequence[Setting]) -> list[Setting]:
        return [setting for setting in settings if self.cache.read(self.cache_key(setting)) is None]

    def _play_in_processes(self, settings: Sequence[Setting], count: int) -> None:
        """The longest first. What a process could not play is left to this one, which will say
        why.
        """
        # two roles may be one and the same
        single = {address(self.cache_key(setting)): setting for setting in settings}
        longest = sorted(single.values(), key=self._work, reverse=True)
        self.progress.rename(f"{len(longest)} settings on {count} cores")
        elsewhere = replace(
            self.config,
            checkpoint=anywhere(self.config.checkpoint),
            out=str(self.config.folder().absolute()),
            reuse=[],
        )
        done = self.engine.run(
            partial(_player, elsewhere, longest), range(len(longest)), count, PATIENCE
        )
        for setting, _ in zip(longest, done, strict=True):
            self.progress.advance(self._work(setting))

    def _play(self, setting: Setting) -> None:
        pairs, start = self.pairs(setting.pairs_seed, setting.pairs), time.perf_counter()
        self.progress.rename(f"{ROLES[setting.role]}, {setting.label}")
        paths: list[np.ndarray] = []
        if setting.role == "oracle":
            stream = begin(self.oracle(setting), self.task, pairs.pairs, pairs.steps, see)
        else:
            stream = self._agent(setting, pairs, paths)
        episodes = Outcome.collect(
            self._shown(stream, self._work(setting) / pairs.steps), self.task, pairs.pairs
        )
        result = {
            **outcomes(episodes),
            "distance_end": episodes.distance[-1].tolist(),
            "wall_seconds": time.perf_counter() - start,
            "batch_ms": 1e3 * float(np.median(episodes.decision_s[:: self.repeat])),
        }
        film = {"states": episodes.states, "paths": np.stack(paths)} if paths else None
        self.cache.write(self.cache_key(setting), result, film)

    def _shown(self, stream: Iterable[Step], share: float) -> Iterator[Step]:
        for step in stream:
            self.progress.advance(share)
            yield step

    def _agent(self, setting: Setting, pairs: Pairs, paths: list[np.ndarray]) -> Iterator[Step]:
        """The agent's steps; where they are to be filmed, what it imagines at each, `[B, H, 3]`
        [m], is added to `paths`.
        """
        agent = self.agent(setting)
        for step in begin(agent, self.task, pairs.pairs, pairs.steps):
            if setting.role == "horizon":
                with torch.inference_mode():
                    paths.append(self.parts.probe(agent.imagined()).cpu().numpy())
            yield step

    def _work(self, setting: Setting) -> float:
        """Imagined steps, about."""
        weight = ORACLE_WEIGHT if setting.role == "oracle" else 1
        steps = imagined_steps(setting.pairs, setting.evaluations, setting.horizon, weight)
        return steps / setting.every


def _player(config: HorizonConfig, settings: Sequence[Setting]) -> Callable[[int], None]:
    """What a process plays settings with, by their number; results go into the cache."""
    sweep = Sweep.open(replace(config, engine="local"))

    def play_one(number: int) -> None:
        sweep.play([settings[number]])

    return play_one
