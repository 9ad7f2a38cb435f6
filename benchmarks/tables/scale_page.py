"""The page of `benchmarks.tables.scale`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEAD = """# What limits first, on paper

What more workers and more data would do, reckoned from rates of one core by `python -m benchmarks.tables.scale` (a model of a few lines, in
`benchmarks/tables/scale.py`; its numbers, in `scale.yaml`, stand below). Each worker has a core of its own, of the kind that was measured. **Nothing here was run on
more than two cores, and nothing on a GPU**: none was at hand, and `make gpu` measures one ([benchmarks.md](benchmarks.md)). How to use several machines:
[cluster.md](cluster.md).
"""
COLLECTING = (
    "workers",
    "sees",
    "frames/s, one folder",
    "written [MB/s]",
    "limited first by",
    "10⁹ frames",
    "10⁹ frames, a folder each",
)
TRAINING = (
    "ranks",
    "sees",
    "updates/s",
    "times one",
    "limited first by",
    "every one of 10⁹ frames seen once",
)
EVALUATING = "workers", "100 pairs", "limited first by", "10 000 pairs", "limited first by"
NUMBERS = "number", "value", "kind", "from"
TEXT = {
    "collecting": """## Collecting

Episodes share nothing but the process that writes a folder, so frames grow with the workers until that process, or its disk, is full; then each collector needs a folder
and a seed of its own, which `data=[A,B]` and `data=runs/*/data` read as one.
""",
    "training": """## Training in ranks

A step of the world model divides its {batch:.0f} windows among the ranks and averages {gradients:.1f} MB of gradients (pixels; {gradients_state:.1f} from states,
{gradients_head:.1f} of the cost-to-go), where its data are {data:.1f} MB of pictures, {data_state:.1f} of states. The network is {network:.0f} Gbit/s. Ranks of one
machine do not have that limit; larger batches would move it, and are another training.
""",
    "evaluating": """## Evaluating

Pairs are played in shards of 25, whatever the number of workers, so that the digits stay the same. Reacher from pixels, plans of 3.
""",
}


def page(
    told: Mapping[str, Mapping[str, Any]],
    n: Mapping[str, float],
    tables: Mapping[str, Sequence[Sequence[str]]],
    check: Mapping[str, Any],
) -> str:
    """Markdown.

    Args:
        told: the numbers with their units, kinds and origins.
        n: their values.
        check: of `scale.check`; empty = not taken.
    """
    sizes = {
        "batch": n["batch"],
        "gradients": 4 * n["parameters_pixels"] / 1e6,
        "gradients_state": 4 * n["parameters_state"] / 1e6,
        "gradients_head": 4 * n["parameters_cost_to_go"] / 1e6,
        "data": n["frames_per_update"] * n["frame_pixels"] / 1e6,
        "data_state": n["frames_per_update"] * n["frame_state"] / 1e6,
        "network": 8 * n["network"] / 1e9,
    }
    heads = {"collecting": COLLECTING, "training": TRAINING, "evaluating": EVALUATING}
    parts = [HEAD]
    for name, head in heads.items():
        parts.append(TEXT[name].format(**sizes) + "\n" + table(head, tables[name]))
    rows = [
        [
            key.replace("_", " "),
            f"{value['value']:,.10g} {value['unit']}",
            value["kind"],
            value["from"],
        ]
        for key, value in told.items()
    ]
    return "\n".join([*parts, large(n), checked(check), numbers(rows)])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def large(n: Mapping[str, float]) -> str:
    """What 10⁹ frames take beside time."""
    return f"""## 10⁹ frames

Reckoned, one frame a model step, episodes of 60 steps, latents of 32 numbers:

- On disk {n["frame_pixels"] / 1e3:.1f} TB of pictures or {n["frame_state"]:.0f} GB of states, memory-mapped. A training reads {n["frames_per_update"] * n["frame_pixels"] / n["update_pixels"] / 1e6:.0f} MB/s of them on one core,
  at random: at {n["gpu"]:.0f} times a core's speed, which is assumed for a GPU and was not measured, {n["gpu"] * n["frames_per_update"] * n["frame_pixels"] / n["update_pixels"] / 1e6:.0f} MB/s.
- The cost-to-go and the heads want the latents of all of them: 128 GB in a file, and 8 GB of row numbers in memory. One process encodes them today, {duration(1e9 / n["encode_pixels"])} on one core
  from pixels. **This limits first at 10⁹ frames**: from 8 ranks on it takes longer than the updates that see each frame once. Encode in ranks, or a part of the episodes.
- The index has a line of 75 bytes per episode: 1.2 GB, which every reader reads.
- A training of the default 6 000 updates sees {6000 * n["frames_per_update"] / 1e6:.1f} million frames: more data than that want more updates (`budget=long` has 12 000), or they are not seen.
"""


def checked(check: Mapping[str, Any]) -> str:
    """What one and two processes did, against what the model says."""
    title = "## Checked against two measured points\n\n"
    if not check:
        return (
            title
            + "**Not yet**: `python -m benchmarks.tables.scale --measure docs/scale-check.json` takes them, on cores that are free for it. What was measured before: the horizon study\n"
            "of reacher-pixels took 760 s in one process beside other work and 467 s with a process on each of two idle cores (docs/log.md), 1.6 times as fast; the model, which\n"
            "knows settings and nothing of the report, says 2.\n"
        )
    paces = {count: max(found) for count, found in check["collecting"].items()}
    seconds = check["evaluating"]
    rows = [
        [
            "collecting Reacher from pixels, 80 episodes [frames/s]",
            f"{paces['1']:,.0f}",
            f"{paces['2']:,.0f}",
            f"{paces['2'] / paces['1']:.2f}",
            "2.00",
        ],
        [
            "evaluating reacher-pixels, 50 pairs, start included [s]",
            f"{seconds['1']:.0f}",
            f"{seconds['2']:.0f}",
            f"{seconds['1'] / seconds['2']:.2f}",
            f"{check['reckoned']['evaluating']:.2f}",
        ],
    ]
    head = "what", "1 process", "2 processes", "times as fast", "by the model"
    said = f"""
Two cores that two trainings of higher priority shared with it (load {check["load_before"]:.1f} before): the rates are a fraction of those of an idle core, and only the ratios,
taken within one call, are compared; the better of two turns of collecting, one of evaluating. On idle cores ratios may be others.
`python -m benchmarks.tables.scale --measure docs/scale-check.json` takes them anew.
"""
    return title + table(head, rows) + said


def numbers(rows: Sequence[Sequence[str]]) -> str:
    """What all of it stands on."""
    return (
        "## The numbers\n\n*Measured* was run, or counted in files; *reckoned* follows from what was measured; *assumed* was not measured by anyone here.\n\n"
        + table(NUMBERS, rows)
    )


def duration(seconds: float) -> str:
    """For people: `3 min`, `2.5 h`, `9 days`."""
    for unit, length in (("years", 365 * 86400), ("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
