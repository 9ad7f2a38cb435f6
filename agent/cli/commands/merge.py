"""Copy several folders of rollouts into one.

Training reads several folders as they are (`data=[A,B]`, `data=runs/*/data`); this is for those who
want to keep or send one. Takes folders and `out=FOLDER`; refuses rollouts of different tasks, and
episodes that stand in two folders. A second call goes on where the first one stopped.

Examples:
    latent-mpc merge runs/a/data runs/b/data out=runs/both
    latent-mpc merge runs/*/data out=runs/all
"""

from __future__ import annotations

from collections.abc import Sequence

from latent_mpc.configs.command_line import write
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.rollouts.merge import merge
from latent_mpc.envs.rollouts.several import folders


def run(arguments: Sequence[str]) -> int:
    """Write the folder. Raises ValueError, FileNotFoundError for what cannot be merged."""
    outs = [word.removeprefix("out=") for word in arguments if word.startswith("out=")]
    paths = [path for word in arguments if not word.startswith("out=") for path in folders(word)]
    if len(paths) < 2 or len(outs) != 1 or not outs[0]:
        raise LatentMPCError("merge takes two folders or more and out=FOLDER, see --help")
    rollouts = merge(paths, outs[0])
    print(
        f"wrote {len(rollouts)} episodes, {int(rollouts.lengths.sum()):,} control steps of"
        f" {len(paths)} folders to {outs[0]}"
    )
    print(f"next: {write('inspect', {'path': outs[0]})}")
    return 0
