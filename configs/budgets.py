"""How much a training spends: one word, `budget=quick|default|long`, scales the episodes, every
phase's updates, landmarks and validation pairs together.

A budget multiplies what the other groups say, be it a default or right for one task only; what the
user sets is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig

from latent_mpc.configs.checks import above


@dataclass
class BudgetConfig:
    """By what the sizes of a training are multiplied, those that the user sets aside."""

    name: str = "default"  # set by budget=NAME
    episodes: float = 1.0  # factor of the episodes collected, at random and in each round
    updates: float = 1.0  # factor of the updates of the world model, each round and each head
    landmarks: float = 1.0  # factor of the landmarks of the cost-to-go
    validation: float = 1.0  # factor of the validation pairs

    def __post_init__(self) -> None:
        above(self, episodes=0, updates=0, landmarks=0, validation=0)


def sizes(heads: Iterable[str]) -> dict[str, str]:
    """The keys of a training that a budget scales, each with the factor it follows.

    Args:
        heads: names of the learned heads.
    """
    trained = ("training", "explore", *heads)
    return {
        "collect.episodes": "episodes",
        "explore.episodes": "episodes",
        **{f"{part}.steps": "updates" for part in trained},
        "cost_to_go.landmarks": "landmarks",
        "validation_episodes": "validation",
    }


def about(name: str, config: Mapping[str, Any]) -> str:
    """One line: the budget and the sizes that came of it.

    Args:
        config: of a training, by flat keys.
    """
    keys = [key for key in sizes(["cost_to_go"]) if not key.startswith("explore.")]
    return f"budget={name}: {' '.join(f'{key}={config[key]}' for key in keys if key in config)}"


def scale(config: DictConfig, heads: Iterable[str]) -> None:
    """Multiply a composed training's sizes by its budget; a size of 0, which leaves a part out,
    stays 0, others stay at least 1. A head that has no such key is left alone.
    """
    for path, factor in sizes(heads).items():
        *parents, key = path.split(".")
        node = config[parents[0]] if parents else config
        if node.get(key):
            node[key] = max(1, round(node[key] * config.budget[factor]))
