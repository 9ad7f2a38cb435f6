"""Planners measured: quality at equal evaluations, times, memory, and the shipped Reacher, the
peers' own code beside ours.

    python -m benchmarks.planners                    all; docs/benchmarks.md says how long
    python -m benchmarks.planners --only quality     one section
    python -m benchmarks.planners --quick            small numbers, to see that it runs

Writes a json after every measurement and goes on from it; at the end the tables, to the terminal
and to docs/benchmarks-planners.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks.planners import alone, memory, quality, reacher, report, speed
from benchmarks.planners.peers import missing
from benchmarks.planners.store import Job, Store, machine

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "planners.json"
TABLES = ROOT / "docs" / "benchmarks-planners.md"


def sections(pairs_seed: int) -> dict[str, Callable[[bool], list[Job]]]:
    """What there is to measure: name to jobs."""
    return {
        "quality": quality.jobs,
        "time": speed.times,
        "ratio": speed.ratios,
        "deadline": speed.deadlines,
        "decision": speed.decisions,
        "alone": alone.jobs,
        "memory": memory.jobs,
        "rollouts": rollouts,
        "reacher": lambda quick: reacher.jobs(quick, pairs_seed),
    }


def main(arguments: list[str] | None = None) -> int:
    wanted = parse(arguments)
    torch.set_num_threads(wanted.threads)
    settings = {**machine(), "quick": wanted.quick, "pairs_seed": wanted.pairs_seed}
    known = sections(wanted.pairs_seed)
    chosen = wanted.only or list(known)
    try:
        store = Store(wanted.out, settings, forget=chosen if wanted.fresh else [])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if missing():
        print(
            f"without {', '.join(missing())}: no peers are measured; docs/benchmarks.md says how to"
            " install them",
            file=sys.stderr,
        )
    for name in chosen:
        store.run(known[name](wanted.quick), name)
    report.show(store.results)
    if not wanted.quick:
        wanted.tables.write_text(report.markdown(store.results), encoding="utf-8")
        print(f"wrote {wanted.out} and {wanted.tables}")
    return 0


def rollouts(quick: bool) -> list[Job]:
    """Milliseconds of imagined rollouts by mode, "eager fp32" among them, where
    `benchmarks/speed/rollouts.py` measures them.
    """
    if importlib.util.find_spec("benchmarks.speed.rollouts") is None:
        return []
    # (quick) -> {mode: milliseconds}
    measured = importlib.import_module("benchmarks.speed.rollouts").modes
    return [Job(("rollouts",), partial(measured, quick))]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    names = list(sections(0))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=names,
        metavar="SECTION",
        help=f"sections to measure: {', '.join(names)}",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small numbers; tables on the terminal only, json under runs/",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget what the json holds of these sections"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=torch.get_num_threads(),
        help="threads of torch; default: all cores",
    )
    parser.add_argument(
        "--pairs-seed",
        type=int,
        default=7,
        help="starts and goals of Reacher; 7 is reported, tune on 0",
    )
    parser.add_argument(
        "--out", type=Path, help="the json; default: benchmarks/results/planners.json"
    )
    parser.add_argument(
        "--tables",
        type=Path,
        default=TABLES,
        help="the markdown; default: docs/benchmarks-planners.md",
    )
    wanted = parser.parse_args(arguments)
    wanted.out = wanted.out or (ROOT / "runs" / "planners-quick.json" if wanted.quick else RESULTS)
    return wanted


if __name__ == "__main__":
    sys.exit(main())
