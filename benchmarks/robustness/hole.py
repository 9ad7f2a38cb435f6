"""Does a penalty on the ensemble's disagreement keep the agent where its model knows the world?

    python -m benchmarks.robustness.hole FOLDER [TASK] [KEY=VALUE ...]

collects random rollouts, cuts out every state in a region, trains an ensemble of five on what is
left (further settings as for `latent-mpc train`), and plays the same pairs, which start and end
outside, with several weights of `cost.disagreement`. Printed: how far the members lie apart on
states inside and outside, success, and how often the ball entered the region. Regions: the middle
of the open room, which is harmless to cross, and what lies close to the dividing wall, where a
model that never met the wall believes it can pass.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from latent_mpc.agent.build import Parts, make_agent
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli.commands import train
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation.episodes import play
from latent_mpc.agent.evaluation.pairs import Pairs, draw_pairs
from latent_mpc.agent.evaluation.statistics import wilson
from latent_mpc.agent.training.exploration import ensemble_disagreement
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.reader import Rollouts, RolloutWriter
from latent_mpc.envs.task import Task

PAIRS, EPISODES, SHORTEST = 60, 800, 9  # SHORTEST: rows of a piece that training can use
# members differ by about 0.03 a step, so that less than 3 changes nothing
WEIGHTS = (0.0, 3.0, 30.0, 100.0)
Inside = Callable[[np.ndarray], np.ndarray]  # positions [M, 2] -> bool [M]


def middle(position: np.ndarray) -> np.ndarray:
    """A disc of 1 m in the middle of the room."""
    return np.linalg.norm(position, axis=-1) < 1.0


def near_wall(position: np.ndarray) -> np.ndarray:
    """Closer than 0.2 m to touching the dividing wall of `pointmaze-wall`, its door left out."""
    x, y = position[..., 0], position[..., 1]
    return (np.abs(x) < 0.9) & ~((y > -1.4) & (y < -0.6))


HOLES: dict[str, Inside] = {"pointmaze-open": middle, "pointmaze-wall": near_wall}


def cut(rollouts: Rollouts, task: Task, inside: Inside, out: Path) -> Rollouts:
    """The pieces of the rollouts that lie outside the region, each an episode of its own."""
    with RolloutWriter(
        out, {"task": {"name": task.name}, "behaviour": {"name": "coloured, with a hole"}}
    ) as writer:
        if not len(writer):
            for i in range(len(rollouts)):
                episode = rollouts.episode(i)
                out_there = ~inside(task.qpos_qvel(episode["physics"])[0])
                edges = np.flatnonzero(
                    np.diff(np.concatenate([[False], out_there, [False]]).astype(int))
                )
                for begin, end in edges.reshape(-1, 2):
                    if end - begin >= SHORTEST:
                        piece = {key: array[begin:end].copy() for key, array in episode.items()}
                        piece["action"][-1] = 0
                        writer.append(piece)
    return Rollouts(out)


def pairs_outside(task: Task, inside: Inside) -> Pairs:
    """The first pairs of seed 0 that start and end outside the region."""
    drawn = draw_pairs(task, 4 * PAIRS, seed=0)
    keep = [
        pair
        for pair in drawn.pairs
        if not inside(task.qpos_qvel(np.stack([pair.start, pair.goal]))[0]).any()
    ]
    return Pairs(keep[:PAIRS], drawn.steps)


def members_apart(
    parts: Parts, rollouts: Rollouts, task: Task, inside: Inside
) -> tuple[float, float, float]:
    """Mean disagreement one random action ahead, of states inside and outside; how often the former
    is the larger, of one state each.
    """
    z, _, source = encode_rollouts(
        parts.model, rollouts, parts.config["task"]["action_repeat"], rollouts.path
    )
    apart = ensemble_disagreement(make_agent(parts), z, z, np.random.default_rng(0)).numpy()
    within = inside(task.qpos_qvel(rollouts.arrays["physics"][source])[0])
    below = np.searchsorted(np.sort(apart[~within]), apart[within]) / (~within).sum()
    return float(apart[within].mean()), float(apart[~within].mean()), float(below.mean())


def main(folder: str, name: str = "pointmaze-open", *settings: str) -> None:
    out, task, inside = Path(folder), make(name), HOLES[name]
    whole = collect(name, {}, ("state",), BehaviourConfig(), EPISODES, 0, out / "all")
    data = cut(whole, task, inside, out / "hole")
    train.run(
        compose_config(
            "train",
            [
                f"task={name}",
                f"data={data.path}",
                f"out={out / 'run'}",
                "model.ensemble=5",
                *settings,
            ],
        )
    )
    parts, drawn = load_parts(out / "run"), pairs_outside(task, inside)
    print(f"{name}: {len(data)} pieces of {len(whole)} episodes, {len(drawn.pairs)} pairs")
    there, elsewhere, share = members_apart(parts, whole, task, inside)
    print(
        f"members apart: {there:.3f} inside, {elsewhere:.3f} outside; more inside in {share:.0%} of"
        " comparisons"
    )
    print(
        f"{'disagreement':>12} {'end':>5} {'95 %':>11} {'any':>5} {'entered':>8}"
        f" {'steps inside':>12}"
    )
    for weight in WEIGHTS:
        agent = make_agent(parts, cost={**parts.config["cost"], "disagreement": weight})
        played = play(agent, task, drawn.pairs, drawn.steps)
        within = inside(task.qpos_qvel(played.states)[0])  # (T + 1, B)
        low, high = wilson(int(played.end.sum()), len(drawn.pairs))
        rates = (
            f"{played.end.mean():5.0%} {low:5.0%}-{high:5.0%} {played.any.mean():5.0%}"
            f" {within.any(axis=0).mean():8.0%}"
        )
        print(f"{weight:12g} {rates} {within.sum(axis=0).mean():12.1f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
