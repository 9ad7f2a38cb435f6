"""Write rollouts in another library's format.

minari: a local data set of Minari's (extra minari), without loss; `train data=minari:NAME` reads it back, as it does any other.

Examples:
    latent-mpc export minari runs/reacher-state/data
    latent-mpc export minari runs/reacher-pixels/data name=me/reacher-v0
"""

from __future__ import annotations

from latent_mpc.configs.schema import ExportConfig
from latent_mpc.envs.minari_data import SCHEME, to_minari
from latent_mpc.envs.rollouts import Rollouts


def run(config: ExportConfig) -> int:
    """Export a folder that is whole."""
    rollouts = Rollouts(config.path)
    rollouts.require_whole()
    if not len(rollouts) or "action" not in rollouts.keys:
        raise ValueError(f"{config.path} holds no finished episode with actions; there is nothing to export")
    name = config.name or default_name(rollouts)
    to_minari(rollouts, name)
    print(f"wrote {len(rollouts)} episodes, {int(rollouts.lengths.sum()):,} control steps as Minari data set {name}")
    print(f"next: latent-mpc train task=NAME data={SCHEME}{name}, or in Python minari.load_dataset({name!r})")
    return 0


def default_name(rollouts: Rollouts) -> str:
    """What the data set is called unless something else is asked for: latent-mpc/TASK-OBS-v0."""
    task = rollouts.meta.get("task", {}).get("name", "rollouts")
    observed = [key for key in rollouts.keys if key not in ("action", "physics")]
    return f"latent-mpc/{'-'.join([task, *observed])}-v0"
