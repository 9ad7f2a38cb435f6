"""List the tasks and the checkpoints that ship.

The names one can write after `task=` and `checkpoint=`.

Examples:
    latent-mpc tasks
    latent-mpc collect task=reacher
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from latent_mpc.agent.checkpoints.shipped import shipped
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.field_docs import PACKAGE
from latent_mpc.configs.hydra_groups import choices, is_plugin
from latent_mpc.configs.plugins import plugins


def run(arguments: Sequence[str]) -> int:
    """Print both lists. Raises ValueError if anything is given."""
    if arguments:
        raise LatentMPCError(f"tasks takes no settings, got {' '.join(arguments)!r}")
    print(
        "\n".join(("tasks", *(f"  {name:<20} {about(name)}".rstrip() for name in choices("task"))))
    )
    print("\n".join(("checkpoints", *(f"  {name}" for name in shipped() or ["(none ships)"]))))
    return 0


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
