"""How few samples does the planner need with proposed plans, and without?

    python -m benchmarks.tables.proposals FOLDER [TASK] [KEY=VALUE ...]

trains a checkpoint with eight proposals in FOLDER (further settings as for `latent-mpc train`; a
finished one is used as it is) and plays the same pairs at 16 to 384 evaluated plans a decision,
with the proposals and without. Printed: success at the end, at any time, and the mean distance of
all steps from the goal, which also shows how fast it is reached.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from latent_mpc.agent.build import make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli.commands import train
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation.episodes import play
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.agent.evaluation.statistics import wilson

PAIRS = 60
# samples x iterations: 16, 32, 64, 128 and 384
BUDGETS = ((16, 1), (16, 2), (32, 2), (64, 2), (64, 6))


def main(folder: str, name: str = "reacher", *settings: str) -> None:
    train.run(
        compose_config("train", [f"task={name}", f"out={folder}", "proposals.samples=8", *settings])
    )
    parts = load_parts(folder)
    task = make_task(parts.config)
    drawn = draw_pairs(task, PAIRS, seed=0)
    print(f"{name}: {len(drawn.pairs)} pairs of seed 0")
    print(f"{'plans':>5} {'proposals':>9} {'end':>5} {'95 %':>11} {'any':>5} {'mean distance':>13}")
    for samples, iterations in BUDGETS:
        planner = {**parts.config["planner"], "samples": samples, "iterations": iterations}
        without = replace(
            parts, heads={name: head for name, head in parts.heads.items() if name != "proposals"}
        )
        for some in (parts, without):
            played = play(make_agent(some, planner=planner), task, drawn.pairs, drawn.steps)
            low, high = wilson(int(played.end.sum()), PAIRS)
            proposed = some.proposals.config.samples if some.proposals else 0
            rates = f"{played.end.mean():5.0%} {low:5.0%}-{high:5.0%} {played.any.mean():5.0%}"
            print(
                f"{samples * iterations:5d} {proposed:9d} {rates} {played.distance.mean():11.3f}"
                f" {task.unit}",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
