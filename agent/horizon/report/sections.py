"""Sections 1 to 5 of report.html: what was measured, in words, figures and tables. Each takes horizon.json and the figures' URIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from latent_mpc.agent.evaluation.statistics import THIRDS
from latent_mpc.agent.horizon.advice import CLOSE, percent, plural
from latent_mpc.agent.horizon.report import html
from latent_mpc.agent.horizon.report.figures import FLOORS
from latent_mpc.agent.horizon.settings import cost_name

Found = Mapping[str, Any]
Drawn = Mapping[str, str]
LIMITS = {"nothing": "Nothing measurable", "planner": "The planner", "model": "The model", "cost": "The cost"}
MARKS = (1, 2, 3, 5, 8, 12, 16, 24)  # steps ahead in the table of errors
RULES = (
    "Rules. Horizon: the shortest whose success lies within the 95 % interval of the best one's. Limit: nothing, if 95 % are reached, "
    "or if the oracle reaches as many and the agent's rate lies within its interval; the planner, if four times the samples reach "
    "measurably more, or if the oracle misses more than 5 % and the agent's rate lies within its interval; else the model or the cost, "
    "whichever lacks more: the model's error at the best horizon as a share of copying's, against 1 minus the cost's rank correlation. "
    "Measurably: the 95 % interval of the paired difference, by bootstrap over pairs, lies above 0."
)


def success(result: Found, drawn: Drawn) -> str:
    """Everything that was played."""
    pairs = result["pairs"]
    planner, cost, kind = result["planner"], result["cost"].replace("_", "-"), pairs["kind"].replace("_", "-")
    words = (
        f"Every horizon is played on the same {pairs['episodes']} {kind} pairs (pairs.seed={pairs['seed']}), with the checkpoint's "
        f"planner ({planner}) and cost ({cost}). At the end means: after the last of the episode's {result['episode_steps']} control "
        "steps. Rates have Wilson's 95 % interval beside them. "
    )
    oracles = [found for found in result["success"] if found["role"] == "oracle"]
    if oracles:
        counts = ", ".join(f"{found['pairs']} at H = {found['horizon']}" for found in oracles)
        words += "The oracle plans in the real simulator and knows the true steps to go. "
        words += f"It is slow, so it plays only the first pairs: {counts}. " if not result["full"] else ""
    words += "CEM at equal evaluations is the checkpoint's planner itself." if planner == "cem" else ""
    caption = "The same by how far the goal is: the pairs, sorted by the true steps from start to goal, in three equal parts."
    head = ["setting", "at the end", "any time", *THIRDS, "ahead", "evaluations", "pairs"]
    rows = [
        [
            found["label"],
            percent(found["success_end"]),
            percent(found["success_any"], False),
            *(percent(found["thirds"][name], False) if name in found["thirds"] else "" for name in THIRDS),
            seconds_of(found["horizon"], result),
            f"{found['evaluations']}",
            f"{found['pairs']}",
        ]
        for found in result["success"]
    ]
    count = f"{pairs['episodes']}"
    rows += [[f"floor: {FLOORS[name]}", percent(rate), *[""] * 6, count] for name, rate in result["floors"].items()]
    table = html.table(head, rows, [result["advice"]["smallest"]])
    shown = html.beside(html.text(words), html.picture(drawn["thirds"], caption))
    return html.section("1. Success against horizon", shown, table)


def imagination(result: Found, drawn: Drawn) -> str:
    """How well the model imagines."""
    found = result["imagination"]
    most, latent, position = len(found["steps"]), found["latent"]["usable"], found["position"]["mlp"]["usable"]
    both = _upto(latent, most) + (
        ", in latents and in position" if latent == position else f" in latents, {_upto(position, most)} in position"
    )
    words = (
        "The model is shown the start of a random episode that training never saw, told the actions, and imagines the rest. Its usable "
        f"horizon, for which it beats copying the last state and the mean of all states: {both}. {found['windows']} windows. Probes "
        "read position and velocity out of latents; they are fitted on other episodes. Their own error, on states that were seen and "
        "not imagined, is the green line: no imagination can be expected below it."
    )
    marks = [step for step in MARKS if step <= most]
    tables = [("latent", found["latent"], "std")]
    for name in ("position", "velocity"):
        tables += [
            (f"{name}, {'MLP' if probe == 'mlp' else probe} probe", found[name][probe], found[name]["unit"]) for probe in ("linear", "mlp")
        ]
    rows = [
        [f"{name} [{unit}]: {who}", *(f"{curves[who][step - 1]:.3g}" for step in marks)]
        for name, curves, unit in tables
        for who in ("model", "copy", "mean")
    ]
    captions = {
        "imagination-latent": "Root mean square error in the latent's own unit, in which the states of training spread by 1.",
        "imagination-position": "The same for the position of what has to reach the goal, read out by a probe.",
        "imagination-velocity": "The same for the velocities of the joints.",
    }
    table = html.table(["error, steps ahead", *(str(step) for step in marks)], rows)
    return html.section("2. How well it imagines", html.text(words), _figures(drawn, captions), table)


def guidance(result: Found, drawn: Drawn) -> str:
    """How well the cost guides."""
    found, plane = result["guidance"], result["landscape"]
    ranks = ", ".join(f"{cost_name(cost)} {thirds['all']:.2f}" for cost, thirds in found["spearman"].items())
    words = (
        "A planner needs no exact cost, only the right order: nearer states must cost less. Rank correlation with the true steps to "
        f"go, 1 being perfect order, over {found['states']} states for each of {found['goals']} goals: {ranks}."
    )
    caption = "Rank correlation of each cost with the true steps. Within a third, distances differ little, so that numbers are lower there."
    parts = [html.beside(html.text(words), html.picture(drawn["guidance"], caption))]
    if plane:
        traps = ", ".join(f"{count} with {cost_name(cost)}" for cost, count in plane["traps"].items())
        said = (
            "The cost of standing still at each place, towards the first pair's goal (the star). Lines join equal costs; grey is where "
            "the robot does not fit. Where every small move costs more, the goal aside, a short-sighted planner is trapped. Such "
            f"places: {traps}."
        )
        shown = {"true": "What it should be.", "cost_to_go": "What was learned.", "latent": "Latent distance."}
        names = {f"landscape-{cost}": shown.get(cost, f"{cost_name(cost).capitalize()}.") for cost in plane["values"]}
        parts += [html.text(said), _figures(drawn, names, small=True)]
    return html.section("3. How well the cost guides", *parts)


def times(result: Found, drawn: Drawn) -> str:
    """What a decision costs."""
    machine = result["machine"]
    rate = {found["label"]: found["success_end"] for found in result["success"]}
    words = (
        "One decision for one robot, encoding included: median, and the 95th percentile as the bar above it, on "
        f"{machine['processor']}, {plural(machine['threads'], 'thread')}. Memory is that of the decision's tensors, the same on every "
        "machine. Highlighted settings are beaten by none that is as fast."
    )
    captions = {
        "times": "Time of one decision against the horizon, for a quarter, all and four times the samples.",
        "pareto": "Success against planning time. Settings on the grey line are beaten by none that is as fast.",
    }
    head = ["setting", "one decision", "95 % below", "per model step", "evaluations", "memory", "reached at the end"]
    rows = [
        [
            row["label"],
            f"{row['ms']['median']:.1f} ms",
            f"{row['ms']['p95']:.1f} ms",
            f"{row['ms_per_step']:.1f} ms",
            f"{row['evaluations']}",
            f"{row['memory_mb']:.2f} MB",
            percent(rate[row["label"]]),
        ]
        for row in result["times"]["settings"]
    ]
    table = html.table(head, rows, result["advice"]["pareto"])
    return html.section("4. What it costs", html.text(words), _figures(drawn, captions), table)


def advice(result: Found) -> str:
    """What was chosen, how it does on fresh pairs, and by which rules."""
    advised, pairs, ms = result["advice"], result["pairs"], times_of(result)
    words = (
        f"Chosen on pairs.seed={pairs['seed']}, reported on pairs.seed={pairs['report_seed']}, which took no part in the choice: the "
        "best of many is flattered on the pairs that made it best."
    )
    reasons = {
        "best": "reached most",
        "smallest": "the shortest within the interval of the best",
        "fastest": f"the fastest within {100 * CLOSE:.0f} points of the best",
    }
    why: dict[str, list[str]] = {f"H = {result['own_horizon']}": ["the checkpoint's own"]}
    for key, reason in reasons.items():
        why.setdefault(advised[key], []).append(reason)
    rows = [
        [
            found["label"],
            percent(found["success_end"]),
            percent(found["success_any"]),
            seconds_of(found["horizon"], result),
            f"{ms[found['label']]:.1f} ms" if found["label"] in ms else "",
            "; ".join(why.get(found["label"], [])),
        ]
        for found in advised["reported"]["settings"]
    ]
    rows += [[f"floor: {FLOORS[name]}", percent(rate), "", "", "", ""] for name, rate in advised["reported"]["floors"].items()]
    limit = advised["limit"]
    table = html.table(
        ["setting", "at the end", "any time", "ahead", "per model step", "why it is here"], rows, [advised["smallest"]], words=True
    )
    said = f"What limits success: {LIMITS[limit['what']].lower()}. {limit['why']} {advised['beyond']['why']}"
    numbers = html.facts({name.replace("_", " "): _number(value) for name, value in limit["rests_on"].items()})
    return html.section("5. The advice", html.text(words), table, html.text(said), numbers, html.text(RULES, muted=True))


def times_of(result: Found) -> dict[str, float]:
    """Label -> planning time for one model step [ms]."""
    return {row["label"]: row["ms_per_step"] for row in result["times"]["settings"]}


def seconds_of(horizon: int, result: Found) -> str:
    """A horizon in seconds."""
    return f"{horizon * result['step_seconds']:.2g} s"


def _figures(drawn: Drawn, captions: Mapping[str, str], small: bool = False) -> str:
    return html.figures((html.picture(drawn[name], caption) for name, caption in captions.items()), small)


def _upto(steps: int, most: int) -> str:
    return f"all {plural(most)} that were asked" if steps >= most else plural(steps)


def _number(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_number(one)}" for name, one in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)
