"""The result of an evaluation, as `results.json` and as a table on the terminal."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from latent_mpc.agent.evaluation.statistics import THIRDS
from latent_mpc.configs.plugins import package_version
from latent_mpc.envs.files import reason, replace

PACKAGES = ("latent-mpc", "torch", "mujoco", "numpy", "gymnasium")
PASSING = 0.1  # share of episodes that were at the goal and left it, from which it is said
MISSED = 4  # names of what was missed most
GUIDE = "guide"  # the planner of an oracle that is the task's own controller
LOW = 0.8  # rate of success below which the study of the horizon is the next command


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {"python": platform.python_version()} | {
        name: package_version(name) for name in PACKAGES
    }


def make_folder(path: Path) -> None:
    """Make the folder that `out` names, its parents too. Raises OSError, saying what would do, if
    it cannot be written.
    """
    require_folder(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, reason(path, error)) from error


def require_folder(path: Path) -> None:
    """Raise the OSError of `make_folder` as far as it can be foreseen; makes nothing."""
    there = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise _unwritable(path, reason(path, NotADirectoryError(20, "Not a directory")))
    if not os.access(there, os.W_OK):
        raise _unwritable(path, "Permission denied")


def _unwritable(path: Path, why: str) -> OSError:
    return OSError(f"cannot write to the folder {path}: {why}; give another one: out=FOLDER")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of json atomically. Raises OSError if it cannot be written."""
    replace(path, (json.dumps(content, indent=2) + "\n").encode())


def print_results(result: Mapping[str, Any]) -> None:
    """Success beside its floors, with intervals, and what a decision costs."""
    pairs = result["pairs"]
    table = Table(
        "policy",
        Column("reached at the end", justify="right"),
        Column("95 % interval", justify="right"),
        title=(
            f"{result['task']} from {result['obs']}, {result['episodes']} {pairs['kind']} pairs of"
            f" seed {pairs['seed']}"
        ),
    )
    floors, far = result["floors"], result.get("thirds") or {}  # older files have none
    name = (
        f"{result['planner']} on {result['cost']}, horizon {result['horizon']}"
        f" ({result['horizon_seconds']:.1f} s)"
    )
    rows = {name: result["success_end"], "the same, at any time": result["success_any"]}
    for third in THIRDS if far else ():
        rows[f"{third} third: {far[third]['from']:.1f} to {far[third]['to']:.1f} {far['unit']}"] = (
            far[third]
        )
    rows |= {"floor: random": floors["random"], "floor: stay still": floors["stay"]}
    if "hold" in floors:
        rows["floor: hold the goal's command"] = floors["hold"]
    if oracle := result.get("oracle"):
        name = (
            "oracle: the task's own controller"
            if oracle["planner"] == GUIDE
            else (
                f"oracle: {oracle['planner']} in the simulator, horizon {oracle['horizon']}"
                f" ({oracle['horizon_seconds']:.1f} s)"
            )
        )
        rows[name] = oracle["success_end"]
    for label, rate in rows.items():
        table.add_row(label, f"{rate['rate']:.1%}", f"{rate['low']:.1%} to {rate['high']:.1%}")
    console = Console()
    console.print(table)
    if (lost := result.get("lost")) is not None:
        console.print(f"lost for good, as no action leads back: {lost:.1%} of the episodes")
    distance = result["distance_end"]
    rejected = sum(pairs["rejected"].values())
    times, batch = result["plan_ms"], result["plan_ms_batch"]
    there = (
        f"; at the goal for {result['time_at_goal']:.1%} of the steps"
        if "time_at_goal" in result
        else ""
    )
    console.print(f"median distance at the end: {distance['median']:.4f} {distance['unit']}{there}")
    for line in advice(result):
        console.print(line)
    console.print(
        f"one decision: {times['median']:.1f} ms, 95 % below {times['p95']:.1f}; {batch['batch']}"
        f" at once: {batch['median']:.0f} ms"
    )
    if (guide := result.get("cost_to_go")) and guide["rank_correlation"] is not None:
        console.print(
            f"learned cost-to-go against the true one, {guide['pairs']} pairs at rest: rank"
            f" correlation {guide['rank_correlation']:.3f}"
        )
    console.print(
        f"pairs redrawn because standing still solves them: {rejected} of {pairs['drawn']}"
    )


def advice(result: Mapping[str, Any]) -> list[str]:
    """What keeps goals from being reached, where many are not."""
    end, ever = (result[name]["rate"] for name in ("success_end", "success_any"))
    lines = []
    if ever - end >= PASSING:
        lines.append(
            f"comes by and does not stay: reached at some time in {ever:.0%}, at the end in"
            f" {end:.0%}"
        )
    worst = list(result.get("missed", {}).items())[:MISSED]
    if len(worst) > 1 and low(result):
        named = (
            f"{name} ({one['outside']:.0%} outside, median {one['median']:.1f} tol)"
            for name, one in worst
        )
        lines.append(f"missed most: {', '.join(named)}")
    return lines


def low(result: Mapping[str, Any]) -> bool:
    """Whether so few goals are reached that one should ask why."""
    return bool(result["success_end"]["rate"] < LOW)


def command() -> str:
    """The command line that is running, to be repeated."""
    return shlex.join(["latent-mpc", *sys.argv[1:]])
