"""List the tasks and the checkpoints that ship; of a model of yours, what can be a goal.

The names one can write after `task=` and `checkpoint=`. With `task.xml=` or `task.id=`: the joints,
sites, bodies and keyframes of that model, what its parts are for, and the goal that follows.

Examples:
    latent-mpc tasks
    latent-mpc collect task=reacher
    latent-mpc tasks task.xml=docs/examples/three_joint_arm.xml
    latent-mpc tasks task.id=Pusher-v5
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from latent_mpc.agent.checkpoints.shipped import shipped
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.field_docs import PACKAGE
from latent_mpc.configs.hydra_groups import choices, is_plugin
from latent_mpc.configs.plugins import plugins

KEYS = {"task.xml": "mjcf", "task.id": "gymnasium"}  # and the task that takes it


def run(arguments: Sequence[str]) -> int:
    """Print both lists, or what a model has. Raises ValueError for other words."""
    if arguments:
        print("\n".join(_of_model(arguments)))
        return 0
    print(
        "\n".join(("tasks", *(f"  {name:<20} {about(name)}".rstrip() for name in choices("task"))))
    )
    print("\n".join(("checkpoints", *(f"  {name}" for name in shipped() or ["(none ships)"]))))
    return 0


def _of_model(arguments: Sequence[str]) -> list[str]:
    words = [word.partition("=")[::2] for word in arguments]
    given = [(key, value) for key, value in words if key in KEYS and value]
    others = [pair for pair in words if pair not in given]
    if len(given) != 1 or others not in ([], [("task", KEYS[given[0][0]])]):
        raise LatentMPCError(
            "tasks takes nothing, or a model: task.xml=FILE or task.id=ID, got"
            f" {' '.join(arguments)!r}"
        )
    from latent_mpc.envs.adapters.inventory import of_file, of_id

    (key, value) = given[0]
    return of_file(value) if key == "task.xml" else of_id(value)


def about(task: str) -> str:
    """What a task is: the comment that its yaml begins with, or which package brings it."""
    if is_plugin("task", task):
        package = plugins()[task].dist
        return f"Of the package {package.name}." if package else ""
    first = (
        files(PACKAGE)
        .joinpath("configs", "task", f"{task}.yaml")
        .read_text(encoding="utf-8")
        .partition("\n")[0]
    )
    return first.lstrip("# ") if first.startswith("#") else ""
