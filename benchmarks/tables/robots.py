"""Robots of others: what each is taken for, the goal that follows, and how fast it is.

    python -m benchmarks.tables.robots FOLDER…    writes docs/robots.md

Goes over every .xml with actuators below the folders, and the MuJoCo environments of those packages
that are installed. Nothing is trained. Whether a goal is what a person means is judged by eye, in
robots.yaml, and shown while the goal is the one that was judged.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import re
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import gymnasium
import yaml

from benchmarks.tables.robots_page import page
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.inventory import described_roles
from latent_mpc.envs.adapters.lines import few
from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.files import replace
from latent_mpc.envs.registry import make

ROOT = Path(__file__).parents[2]
JUDGED = Path(__file__).with_suffix(".yaml")
MISSING = "DependencyNotInstalled"
PACKAGES = ("gymnasium", "gymnasium_robotics", "ogbench")
# of a name: another reward, observation or goal of theirs, none of which is used
VARIANT = re.compile(
    r"Dense|Sparse|_(Boolean|Continuous)TouchSensors|_Diverse_GR?|^visual-|-singletask(-task\d)?"
)
FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/()]+/)+")  # of an absolute path


class Row(NamedTuple):
    """A model and what became of it."""

    name: str
    roles: str
    goal: str  # or the refusal
    step: str
    episode: str
    meant: str


class Model(NamedTuple):
    """What a task is made of."""

    name: str  # in the table
    task: str  # mjcf or gymnasium
    options: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    folders = parser.parse_args(arguments).folders
    judged = yaml.safe_load(JUDGED.read_text(encoding="utf-8"))
    rows = []
    for model in [*files(folders), *environments()]:
        row = measure_apart(model, judged)
        if MISSING not in row.goal:  # an id that needs a package which is not here
            rows.append(row)
            print(" | ".join(row), flush=True)
    replace(ROOT / "docs" / "robots.md", page(rows).encode())


def files(folders: Sequence[Path]) -> Iterator[Model]:
    """Models with actuators below the folders, by their paths in them."""
    for folder in folders:
        for path in sorted(folder.rglob("*.xml")):
            # an included part is met in what includes it
            if "<actuator" in path.read_text(encoding="utf-8", errors="replace") or _includes(path):
                yield Model(path.relative_to(folder).as_posix(), "mjcf", {"xml": str(path)})


def environments() -> Iterator[Model]:
    """The newest version of each MuJoCo environment of the packages that are installed, once for
    all its variants.
    """
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError:
            continue
        newest: dict[str, gymnasium.envs.registration.EnvSpec] = {}
        for spec in gymnasium.registry.values():
            entry = str(spec.entry_point)
            own = entry.startswith(f"{package}.") and (package != "gymnasium" or ".mujoco" in entry)
            if own and (spec.version or 0) >= (newest.get(spec.name, spec).version or 0):
                newest[spec.name] = spec
        prefix = "" if package == "gymnasium" else f"{package}:"
        plain = {name for name in newest if VARIANT.sub("", name) not in newest.keys() - {name}}
        for spec in (newest[name] for name in newest if name in plain):
            yield Model(spec.id, "gymnasium", {"id": f"{prefix}{spec.id}"})


def measure_apart(model: Model, judged: dict[str, dict[str, str]]) -> Row:
    """`measure` in a process of its own: one that a package aborts costs its own row only."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(measure, model, judged).result()
        except BrokenProcessPool:
            return Row(model.name, "", "refused: its package ends the process", "", "", "")


def measure(model: Model, judged: dict[str, dict[str, str]]) -> Row:
    """The row of a model; what is refused has its one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            task = make(model.task, obs=("state",), **model.options)
    except LatentMPCError as error:
        said = str(error)
        for path in model.options.values():
            said = said.replace(path, Path(path).name)
        said = FOLDERS.sub("", said)  # of this machine
        return Row(
            model.name, "", f"refused: {said}", "", "", _meant(judged, model.name, "refused")
        )
    assert isinstance(task, CoordinateTask)
    roles = described_roles(task.model, read_roles(task.model), most=4)
    success = task.settings()["success"]
    goal = few(success)
    return Row(
        model.name,
        "; ".join(" ".join(role.split()) for role in roles if "driven" not in role),
        goal,
        f"{task.control_period:g} s",
        f"{task.episode_steps}",
        _meant(judged, model.name, goal),
    )


def _meant(judged: dict[str, dict[str, str]], name: str, goal: str) -> str:
    """What was judged of this goal; empty where another one was, or none."""
    entry = judged.get(name, {})
    return entry.get("meant", "") if entry.get("goal") == goal else ""


def _includes(path: Path) -> bool:
    return "<include" in path.read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
