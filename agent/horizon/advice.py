"""Turn measurements into a recommendation: horizon, fast setting, bottleneck. Decision rules:

The first rule of `diagnose_bottleneck` that holds decides; each names the numbers it rests on:
1. nothing: all goals but 5 % are reached, or the oracle reaches as many and the agent's rate lies
   within the oracle's interval.
2. planner: with four times the samples measurably more goals are reached; or the oracle, whose
   model and cost are exact and whose planner is the same, misses more than 5 %, and the agent's
   rate lies within the oracle's interval.
3. model or cost, whichever lacks more. The model lacks: its error at the best horizon as a share of
   copying the last state's. The cost lacks: 1 minus its rank correlation with the true steps.
"Measurably" means that the 95 % interval of the paired difference, by bootstrap over pairs, lies
above 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from latent_mpc.agent.evaluation.paired import paired_difference

GOOD = 0.95  # success that leaves nothing to be mended
CLOSE = 0.02  # of the best success: near enough for the fastest setting
Result = Mapping[str, Any]


def best_of(results: Sequence[Result]) -> Result:
    """The horizon that reaches most goals at the end; of equal ones the shortest."""
    return max(results, key=lambda result: (result["success_end"]["rate"], -result["horizon"]))


def smallest_within(results: Sequence[Result]) -> Result:
    """The shortest horizon whose success lies within the interval of the best one's."""
    least = best_of(results)["success_end"]["low"]
    return min(
        (result for result in results if result["success_end"]["rate"] >= least),
        key=lambda result: result["horizon"],
    )


def fastest_close(candidates: Sequence[Result], times: Mapping[str, float]) -> Result:
    """Of the settings within two points of the best success, the one that thinks least.

    Args:
        times: label -> ms of planning for each model step.
    """
    best = max(result["success_end"]["rate"] for result in candidates)
    close = [
        result for result in candidates if result["success_end"]["rate"] >= best - CLOSE - 1e-9
    ]
    return min(close, key=lambda result: (times[result["label"]], result["horizon"]))


def pareto(candidates: Sequence[Result], times: Mapping[str, float]) -> list[str]:
    """Labels of the settings that no other one beats in success without taking longer, fastest
    first.
    """
    front: list[str] = []
    best = -1.0
    for result in sorted(
        candidates, key=lambda result: (times[result["label"]], -result["success_end"]["rate"])
    ):
        if result["success_end"]["rate"] > best:
            best = result["success_end"]["rate"]
            front.append(result["label"])
    return front


def diagnose_bottleneck(
    best: Result,
    oracle: Result | None,
    more: Result | None,
    imagination: Result,
    guidance: Result,
    cost: str,
) -> dict[str, Any]:
    """What limits success at the best horizon, by the rules above.

    Args:
        best: the best horizon's result.
        oracle: the oracle's at the same horizon, on the first of the same pairs; None where it did
            not play.
        more: the result with most samples.
        imagination, guidance: sections of horizon.json.
        cost: name of the planner's cost.

    Returns `{"what": "nothing" | "planner" | "model" | "cost", "why": a sentence, "rests_on":
    numbers}`.
    """
    rate = best["success_end"]["rate"]
    numbers: dict[str, Any] = {"success": rate}
    behind = _difference(oracle, best)
    gain = _difference(more, best)
    if oracle is not None and behind is not None:
        numbers["oracle"] = {
            "rate": oracle["success_end"]["rate"],
            "pairs": len(oracle["end"]),
            "minus_agent": behind,
        }
    if more is not None and gain is not None:
        numbers["more_samples"] = {"evaluations": more["evaluations"], "gain": gain}
    if rate >= GOOD:
        why = (
            f"{best['label']} reaches every goal of the pairs that the choice was made on."
            if rate == 1
            else (
                f"{best['label']} reaches {100 * rate:.0f} % of the goals; too few are missed to"
                " tell why."
            )
        )
        return {"what": "nothing", "why": why, "rests_on": numbers}
    alike = oracle is not None and oracle["success_end"]["low"] <= rate
    if oracle is not None and alike and oracle["success_end"]["rate"] >= GOOD:
        return {
            "what": "nothing",
            "why": (
                f"The agent's {100 * rate:.0f} % lie within the interval of the oracle's"
                f" {percent(oracle['success_end'])}."
            ),
            "rests_on": numbers,
        }
    if more is not None and gain is not None and gain["low"] > 0:
        return {
            "what": "planner",
            "why": (
                f"{more['evaluations']} instead of {best['evaluations']} evaluations reach"
                f" {100 * gain['mean']:.0f} % more of the goals."
            ),
            "rests_on": numbers,
        }
    if oracle is not None and alike:
        return {
            "what": "planner",
            "why": (
                "With an exact model and an exact cost the same planner reaches"
                f" {percent(oracle['success_end'])}, not measurably more."
            ),
            "rests_on": numbers,
        }
    return _model_or_cost(best["horizon"], imagination, guidance, cost, numbers)


def longer_horizon_effect(
    best: Result, longest: Result, oracle: Result | None, position: Result
) -> dict[str, Any]:
    """What looking as far as the longest horizon does, and to what it is due: `{"difference": …,
    "why": a sentence}`.

    Args:
        oracle: its result at the longest horizon, or None.
        position: the section of horizon.json on imagined positions.
    """
    if longest["horizon"] == best["horizon"]:
        return {
            "difference": None,
            "why": f"{best['label']} was the longest that was tried: a longer one may be better.",
        }
    change = paired_difference(longest["end"], best["end"])
    message = (
        f"{longest['label']} instead of {best['label']} changes success at the end by"
        f" {100 * change['mean']:+.0f} points"
        f" ({100 * change['low']:+.0f} to {100 * change['high']:+.0f})"
    )
    if change["high"] >= 0:
        return {"difference": change, "why": f"{message}, which is not measurable."}
    message += (
        f"; {percent(longest['success_any'], False)} come to the goal at any time,"
        f" {percent(longest['success_end'], False)} are there at the end."
    )
    if oracle is None:
        return {"difference": change, "why": message}
    reached = f"The oracle reaches {percent(oracle['success_end'])} there"
    if oracle["success_end"]["rate"] < GOOD:
        return {
            "difference": change,
            "why": (
                f"{message} {reached}: the search is too small for plans of that length, whatever"
                " the model."
            ),
        }
    curve = position["mlp"]["model"]
    near, far = (min(result["horizon"], len(curve)) for result in (best, longest))
    errors = (
        f"{curve[near - 1]:.2g} {position['unit']} after {plural(near)}, {curve[far - 1]:.2g}"
        f" {position['unit']} after {plural(far)}"
    )
    return {
        "difference": change,
        "why": (
            f"{message} {reached}, so the search can do it; errors of imagination add up over a"
            f" long plan: {errors}."
        ),
    }


def percent(rate: Mapping[str, float], interval: bool = True) -> str:
    """`96 % (87 to 99)`."""
    return f"{100 * rate['rate']:.0f} %" + (
        f" ({100 * rate['low']:.0f} to {100 * rate['high']:.0f})" if interval else ""
    )


def plural(count: int, noun: str = "step") -> str:
    """`1 step`, `3 steps`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _model_or_cost(
    horizon: int, imagination: Result, guidance: Result, cost: str, numbers: dict[str, Any]
) -> dict[str, Any]:
    curves = imagination["latent"]
    step = min(horizon, len(curves["model"])) - 1
    model = curves["model"][step] / max(curves["copy"][step], 1e-12)
    ranks = 1.0 - guidance["spearman"][cost]["all"]
    numbers |= {"model_error_share": model, "cost_rank_loss": ranks}
    message = (
        f"its error {plural(step + 1)} ahead is {100 * model:.0f} % of that of copying the last"
        " state"
    )
    ranked = f"its rank correlation with the true steps is {1 - ranks:.2f}"
    if model >= ranks:
        return {
            "what": "model",
            "why": f"The model lacks more: {message}; the cost's share is smaller: {ranked}.",
            "rests_on": numbers,
        }
    return {
        "what": "cost",
        "why": f"The cost lacks more: {ranked}; the model's share is smaller: {message}.",
        "rests_on": numbers,
    }


def _difference(one: Result | None, other: Result) -> dict[str, float] | None:
    """Paired difference of success at the end, `one` minus `other`, on the pairs that both have."""
    if one is None:
        return None
    count = min(len(one["end"]), len(other["end"]))
    return paired_difference(one["end"][:count], other["end"][:count])
