"""Look at rollouts or at a checkpoint.

What it is, sizes and ranges, what looks wrong (values that are not finite or never change, clipped
actions, repeated episodes), where the robot has been, and a contact sheet of frames. With --verify
every checksum is compared and damage is named: exit status 2.

Examples:
    latent-mpc inspect runs/reacher-state/data --verify
    latent-mpc inspect reacher-pixels
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import nn

from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.checkpoints.shipped import shipped
from latent_mpc.agent.cli.coverage_plot import draw_coverage
from latent_mpc.agent.evaluation.results import make_folder
from latent_mpc.configs.command_line import write
from latent_mpc.configs.schema import InspectConfig
from latent_mpc.envs.adapters.lines import few
from latent_mpc.envs.files import replace
from latent_mpc.envs.rollouts.format import META
from latent_mpc.envs.rollouts.quarantine import quarantined
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.rollouts.report import (
    LISTED,
    Report,
    coverage,
    frames,
    known_task,
    object_motion,
    positions,
    report,
)
from latent_mpc.envs.video.contact_sheet import contact_sheet

SHOWN = (6, 8)  # episodes, and frames of each, on the contact sheet


def run(config: InspectConfig) -> int:
    """Find out what the path is, and tell. Raises FileNotFoundError if it is neither rollouts nor a
    checkpoint.
    """
    path = Path(config.path)
    if (path / META).exists():
        inspect_rollouts(Rollouts(path), config)
    elif config.path in shipped() or (path / "config.yaml").exists():
        inspect_checkpoint(config.path)
    else:
        hint = f"; its rollouts are in {path / 'data'}" if (path / "data" / META).exists() else ""
        raise FileNotFoundError(
            f"{path} holds neither rollouts ({META}) nor a checkpoint (config.yaml){hint}"
        )
    return 0


def inspect_rollouts(rollouts: Rollouts, config: InspectConfig) -> None:
    """Table, anomalies and pictures. Raises ValueError, after telling the rest, if episodes are
    damaged.
    """
    if config.verify:
        rollouts.require_whole()
    print("\n".join(f"{key:<12} {value}" for key, value in about(rollouts).items()))
    for aside in quarantined(rollouts.path):
        if aside["number"] not in rollouts.numbers:
            print(f"put aside    episode {aside['number']}: {aside.get('why')}")
    if not len(rollouts):
        return
    summary = report(rollouts)
    print_ranges(summary, rollouts)
    print(
        f"actions      {summary.clipped:.0%} of numbers at a bound, {summary.resting:.0%} of steps"
        " at rest"
    )
    if moved := object_motion(rollouts, known_task(rollouts)):
        print(f"objects      {moved}")
    for anomaly in summary.anomalies() or ["none"]:
        print(f"anomaly      {anomaly}")
    for path in draw(rollouts, config.folder()):
        print(f"wrote        {path}")
    verify = write("inspect", {"path": rollouts.path}, "--verify")
    whole = (
        "every checksum holds" if config.verify else f"not compared with its checksums: {verify}"
    )
    print(f"verified     {whole}")


def about(rollouts: Rollouts) -> dict[str, str]:
    """What the rollouts say of themselves."""
    meta: dict[str, Any] = rollouts.meta
    steps, period = int(rollouts.lengths.sum()), meta.get("control_period")
    length = f"{rollouts.lengths.min()} to {rollouts.lengths.max()}" if len(rollouts) else "no"
    seconds = f", {steps * period:,.0f} s of experience" if isinstance(period, float) else ""
    size = sum(array.nbytes for array in rollouts.arrays.values())
    metadata: dict[str, str] = {
        key: json.dumps(meta[key])
        for key in ("task", "behaviour", "seed", "versions")
        if key in meta
    }
    return {
        "rollouts": f"{rollouts.path}, fingerprint {rollouts.fingerprint}",
        "episodes": f"{len(rollouts)} of {length} control steps{seconds}, {size / 1e6:,.1f} MB",
        **metadata,
    }


def print_ranges(summary: Report, rollouts: Rollouts) -> None:
    """One row per key."""
    table = Table("key", "rows of", "lowest", "highest", "never change")
    for key, ranges in summary.ranges.items():
        array = rollouts.arrays[key]
        cells = (
            key,
            f"{array.dtype}{list(array.shape[1:])}",
            f"{np.min(ranges.low):.4g}",
            f"{np.max(ranges.high):.4g}",
        )
        table.add_row(*(escape(cell) for cell in cells), few(ranges.constant, LISTED) or "-")
    Console().print(table)


def draw(rollouts: Rollouts, folder: Path) -> list[Path]:
    """Write what can be drawn of the coverage and the frames; their paths."""
    make_folder(folder)
    task, written = known_task(rollouts), []
    where = positions(rollouts, task)
    if where is not None:
        points, label = where
        share = f"{coverage(points):.0%} of the cells"
        print(f"coverage     {share}, {label}")
        draw_coverage(points, label.split(" and "), share, folder / "coverage.png")
        written.append(folder / "coverage.png")
    shown = np.unique(np.linspace(0, len(rollouts) - 1, SHOWN[0]).astype(int)).tolist()
    pictures = frames(rollouts, task, shown, SHOWN[1])
    if pictures:
        replace(folder / "frames.png", contact_sheet(pictures, [str(i) for i in shown]))
        written.append(folder / "frames.png")
    return written


def inspect_checkpoint(name: str) -> None:
    """What was trained on what, how large its parts are, and whether every weight is a number."""
    parts = load_parts(name, finite=False)  # which parts are not is what is shown
    config = parts.config
    metadata: dict[str, str] = {
        key: json.dumps(config[key], default=str)
        for key in ("task", "obs", "seed", "spaces", "actions", "planner", "cost", "data")
        if key in config
    }
    print(
        "\n".join(f"{key:<12} {value}" for key, value in {"checkpoint": name, **metadata}.items())
    )
    table = Table("part", "numbers", "lowest", "highest", "not finite")
    broken = []
    for part, module in parts.modules().items():
        cells = parameter_summary(module)
        broken += [part] if cells[-1] != "0" else []
        table.add_row(part, *cells)
    Console().print(table)
    for line in [f"{part} holds numbers that are not finite" for part in broken] or ["none"]:
        print(f"anomaly      {line}")


def parameter_summary(module: nn.Module) -> tuple[str, str, str, str]:
    """Parameter count, finite range (lowest, highest), number of non-finite values."""
    values = torch.cat(
        [tensor.detach().double().flatten() for tensor in module.state_dict().values()]
    )
    finite = values[torch.isfinite(values)]
    low, high = (
        (f"{float(bound):.4g}" for bound in (finite.min(), finite.max()))
        if len(finite)
        else ("-", "-")
    )
    return f"{len(values):,}", low, high, str(len(values) - len(finite))
