"""What was asked of the planners, and what was measured: one line per figure, computed from the
json and from nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from benchmarks.planners.problems import PROBLEMS
from benchmarks.planners.quality import TEXTBOOK, enough
from benchmarks.planners.reacher import DEFAULT, PEER, PEER_EVERY

Results = dict[str, Any]


class Figure(NamedTuple):
    """met: None where it was not measured."""

    name: str
    asked: str
    measured: str
    met: bool | None


def figures(results: Results) -> list[Figure]:
    """All of them, in the order of the tables."""
    found = [least_evaluations(results, problem.name, TEXTBOOK) for problem in PROBLEMS]
    found += [against_peer(results, peer) for peer in (PEER, PEER_EVERY)]
    found += [over_rollouts(results, label) for label in ("network", "shipped")]
    found += [fastest(results), alone_elementwise(results), alone_network(results)]
    return [
        *found,
        *(deadline(results, name) for name in ("shipped", "network")),
        decisions(results),
    ]


def get(results: Results, *where: str) -> Any:
    node: Any = results
    for key in where:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def unmeasured(name: str, asked: str) -> Figure:
    return Figure(name, asked, "not measured", None)


def least_evaluations(results: Results, problem: str, reference: str) -> Figure:
    name, asked = (
        f"{problem}: evaluations at which cem reaches the cost of {reference}, with 900",
        "at most 150",
    )
    target = get(results, "quality", problem, reference, "900")
    if target is None:
        return unmeasured(name, asked)
    first = enough(get(results, "quality", problem, "cem") or {}, target)
    if first is None:
        return Figure(name, asked, "not reached", False)
    said = (
        f"{first['evaluations']} (cost {first['difference']:+.2f} ± {first['se']:.2f} against it)"
    )
    return Figure(name, asked, said, first["evaluations"] <= 150)


def against_peer(results: Results, peer: str) -> Figure:
    name, asked = (
        f"Reacher as shipped against {peer}",
        "success not lower, ≥ 20x fewer evaluations, ≥ 10x less time",
    )
    ours, theirs = (
        get(results, "reacher", DEFAULT, "default"),
        next(iter((get(results, "reacher", peer) or {}).values()), None),
    )
    if ours is None or theirs is None:
        return unmeasured(name, asked)
    fewer, less = (
        theirs["evaluations"] / ours["evaluations"],
        theirs["decision_ms"] / ours["decision_ms"],
    )
    rates = [x["success_end"]["rate"] for x in (ours, theirs)]
    said = f"{rates[0]:.0%} and {rates[1]:.0%}, {fewer:.1f}x, {less:.1f}x"
    return Figure(name, asked, said, rates[0] >= rates[1] and fewer >= 20 and less >= 10)


def over_rollouts(results: Results, model: str) -> Figure:
    name, asked = (
        f"planner over bare rollouts, N = 512, H = 16, 6 iterations, {model}; B = 1, 32, 100",
        "at most 1.15",
    )
    cells = get(results, "ratio", model) or {}
    ratios = [cells[B]["plan"] / cells[B]["rollouts"] for B in sorted(cells, key=int)]
    return (
        Figure(name, asked, ", ".join(f"{r:.2f}" for r in ratios), max(ratios) <= 1.15)
        if ratios
        else unmeasured(name, asked)
    )


def fastest(results: Results) -> Figure:
    name, asked = (
        "rollouts in the fastest mode against eager fp32",
        "≥ 2x faster, where the CPU has bf16",
    )
    modes = get(results, "rollouts")
    if not modes:
        return unmeasured(name, asked)
    best = min(modes, key=lambda mode: modes[mode])
    gain = modes["eager fp32"] / modes[best]
    return Figure(name, asked, f"{gain:.2f}x ({best})", gain >= 2)


def alone_elementwise(results: Results) -> Figure:
    name, asked = "a plan alone, in a batch, permuted; elementwise cost", "equal bits"
    cell = get(results, "alone", "elementwise")
    if cell is None:
        return unmeasured(name, asked)
    equal = [cell[way]["equal"] for way in ("alone", "permuted")]
    return Figure(
        name,
        asked,
        f"{equal[0]} and {equal[1]} of {cell['problems']} equal",
        min(equal) == cell["problems"],
    )


def alone_network(results: Results) -> Figure:
    name, asked = "the same with the network, to 1e-4 in actions", "≥ 99 of 100"
    cell = get(results, "alone", "network")
    if cell is None:
        return unmeasured(name, asked)
    close = [cell[way]["close"] for way in ("alone", "permuted")]
    return Figure(
        name,
        asked,
        f"{close[0]} and {close[1]} of {cell['problems']}",
        min(close) >= 0.99 * cell["problems"],
    )


def deadline(results: Results, model: str) -> Figure:
    name, asked = f"deadline of 20 ms, {model}: p99 of the time over it", "at most one iteration"
    cell = get(results, "deadline", model)
    if cell is None:
        return unmeasured(name, asked)
    return Figure(
        name,
        asked,
        f"{cell['p99']:.2f} ms; an iteration takes {cell['iteration']:.2f} ms",
        cell["p99"] <= cell["iteration"],
    )


def decisions(results: Results) -> Figure:
    name, asked = "Reacher from pixels, whole decisions, default planner", "≥ 50 a second"
    cell = get(results, "decision", "reacher-pixels")
    return (
        Figure(name, asked, f"{cell['per_second']:.0f} a second", cell["per_second"] >= 50)
        if cell
        else unmeasured(name, asked)
    )
