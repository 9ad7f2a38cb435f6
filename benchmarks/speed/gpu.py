"""What a GPU is worth: `python -m benchmarks.speed.gpu [--device cuda] [--minutes 7] [--reach]`, or
`make gpu` with the tests that need one.

In turn, each printed and written to json as soon as it is known: the card's limits; training from
states and from pixels; decisions of the shipped Reacher at B = 1, 100 and 1 000, beside its
imagined rollouts alone and the random numbers, which the CPU draws; with --reach a training from
nothing to 95 % from pixels, which takes as long as it takes. What the minutes do not suffice for is
left out and named. On a CPU sizes are tiny, to show that it runs; `--sizes full` is for comparison.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.running import latent_mpc, read, tell
from benchmarks.speed import device_rates
from latent_mpc.agent.devices import machine, resolve_device
from latent_mpc.agent.evaluation.results import make_folder, versions, write_json

ENOUGH = 0.95  # success on the validation pairs
BUDGETS = ("quick", "default")  # of the training from nothing, until one is enough


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    seconds: float  # for which each rate is measured [s]
    product: int  # width of the matrices whose product is the limit
    episodes: int  # of rollouts to train on
    batches: tuple[int, ...]  # B of the decisions
    modes: tuple[str, ...]  # of `device_rates.MODES`
    words: tuple[str, ...] = ()  # settings of both trainings
    reach: tuple[str, ...] = ()  # and of the one from nothing


SMALL = ("collect.workers=1", "model.hidden=16", "model.width=4", "training.batch=8")
SHORT = (
    "collect.episodes=4",
    "training.steps=6",
    "cost_to_go.steps=6",
    "probe.steps=6",
    "validation_episodes=2",
)
SIZES = {
    "full": Sizes(3.0, 8192, 100, (1, 100, 1000), tuple(device_rates.MODES)),
    "tiny": Sizes(0.02, 64, 4, (1, 3), ("eager",), SMALL, (*SMALL, *SHORT)),
}
Item = tuple[str, Callable[[], dict[str, Any]]]


def main(device_name: str, minutes: float, out: Path, reach: bool, sizes: str = "") -> None:
    """Measure everything. Raises ValueError for a device that is not there."""
    begin, device = time.perf_counter(), resolve_device(device_name)
    chosen = sizes or ("tiny" if device.type == "cpu" else "full")
    report: dict[str, Any] = {"machine": machine(device), "versions": versions(), "sizes": chosen}
    report |= {"items": {}, "left_out": []}
    make_folder(out.parent)
    print(f"{report['machine']['device']}, {report['machine']['cpu']}, sizes {chosen}", flush=True)
    for name, run in items(SIZES[chosen], device_rates.Measure(device, SIZES[chosen].seconds)):
        if time.perf_counter() - begin > 60 * minutes:
            report["left_out"].append(name)
            continue
        report["items"][name] = run()
        print(f"{name}: {line(report['items'][name])}", flush=True)
        report["seconds"] = time.perf_counter() - begin
        write_json(out, report)
    if reach:
        report["reach"] = from_nothing(str(device), SIZES[chosen].reach)
        print(f"from nothing: {line(report['reach'])}", flush=True)
    write_json(out, report)
    if report["left_out"]:
        print(f"left out after {minutes:g} min: {', '.join(report['left_out'])}")
    print(f"wrote {out}")


def items(sizes: Sizes, measure: device_rates.Measure) -> Iterator[Item]:
    """What is measured, the surest first; compiling may take long."""
    limits: dict[str, Any] = {}

    def limit() -> dict[str, Any]:
        limits.update(device_rates.limits(measure, sizes.product))
        return limits

    def train(obs: str) -> Callable[[], dict[str, Any]]:
        words = (f"collect.episodes={sizes.episodes}", *sizes.words)
        return lambda: device_rates.training(measure, obs, words, limits)

    def decide(mode: str, B: int) -> Callable[[], dict[str, Any]]:
        return lambda: device_rates.decisions(measure, mode, B, limits)

    yield "limits", limit
    for obs in ("state", "pixels"):
        yield f"training from {obs}", train(obs)
    for mode in sizes.modes:
        for B in sizes.batches:
            yield f"decisions, {mode}, B = {B}", decide(mode, B)


def from_nothing(device: str, words: tuple[str, ...]) -> dict[str, Any]:
    """Reacher from pixels: seconds of all trainings up to the first that is enough, and what each
    reached.
    """
    found: dict[str, Any] = {"seconds": 0.0, "reached": {}}
    for budget in BUDGETS:
        with tempfile.TemporaryDirectory() as folder:
            told = (f"budget={budget}", f"device={device}", f"out={folder}/run", *words)
            latent_mpc("train", "task=reacher", "obs=pixels", *told)
            result = read(Path(folder) / "run" / "results.json")
        found["seconds"] += result["train_seconds"]
        found["reached"][budget] = result["success_end"]["rate"]
        if found["reached"][budget] >= ENOUGH:
            break
    return found


def line(found: dict[str, Any]) -> str:
    """Numbers for people."""
    return ", ".join(
        f"{key} {value:,.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in found.items()
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="any torch device")
    parser.add_argument("--minutes", type=float, default=7.0, help="after which nothing is begun")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/gpu.json"))
    parser.add_argument("--reach", action="store_true", help="train Reacher from nothing too")
    parser.add_argument("--sizes", default="", choices=["", *SIZES], help="by default by device")
    given = parser.parse_args()
    try:
        main(given.device, given.minutes, given.out, given.reach, given.sizes)
    except Exception as error:
        sys.exit(tell(error))
