"""report.html out of horizon.json and its pictures: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_mpc.agent.horizon import figures, figures_model, page
from latent_mpc.agent.horizon.advice import CLOSE
from latent_mpc.agent.horizon.settings import ROLES
from latent_mpc.agent.horizon.style import RC, save
from latent_mpc.agent.horizon.success import THIRDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Found = Mapping[str, Any]
LIMITS = {"nothing": "Nothing measurable", "planner": "The planner", "model": "The model", "cost": "The cost"}


def write_figures(result: Found, folder: Path) -> dict[str, str]:
    """Draw every figure; each as png into `folder/figures` and as a data URI. Returns name -> URI."""
    from matplotlib import rc_context

    seconds, ms, advised = result["step_seconds"], times_of(result), result["advice"]
    agents = [found for found in result["success"] if found["role"] != "oracle"]
    imagined = result["imagination"]
    draw: dict[str, Callable[[], Figure]] = {
        "success": lambda: figures.draw_success(result["success"], result["floors"], seconds, advised["horizon"]),
        "thirds": lambda: figures.draw_thirds(result["success"], result["steps_away"], seconds),
        "imagination-latent": lambda: figures_model.draw_imagination(imagined["latent"], seconds, "latent [standard deviations]"),
        "guidance": lambda: figures_model.draw_guidance(result["guidance"]),
        "times": lambda: figures.draw_times(result["times"]["grid"], seconds),
        "pareto": lambda: figures.draw_pareto(agents, ms, advised["pareto"]),
    }
    for name in ("position", "velocity"):
        what = f"{name} [{imagined[name]['unit']}]"
        draw[f"imagination-{name}"] = lambda name=name, what=what: figures_model.draw_imagination(imagined[name]["mlp"], seconds, what)
    if result["landscape"]:
        for name in ("true", "cost_to_go", "latent"):
            draw[f"landscape-{name}"] = lambda name=name: figures_model.draw_landscape(result["landscape"], name)
    (folder / "figures").mkdir(exist_ok=True)
    with rc_context(RC):
        return {name: save(make(), folder / "figures" / f"{name}.png") for name, make in draw.items()}


def write_page(result: Found, drawn: Mapping[str, str], films: Sequence[Found]) -> str:
    """The page's HTML."""
    head = f"{result['task']} from {result['obs']}"
    parts = [
        f"<h1>How far should it look ahead?</h1>{page.text(f'{head}, checkpoint {_name(result)}: what each planning horizon reaches, and what limits it.', muted=True)}",
        _answer(result),
        _success(result, drawn),
        _imagination(result, drawn),
        _guidance(result, drawn),
        _times(result, drawn),
        _advice(result),
        _films(films),
        _repeat(result),
    ]
    return page.page(f"Planning horizon of {_name(result)}", parts)


def times_of(result: Found) -> dict[str, float]:
    """Label -> planning time for one model step [ms]."""
    return {row["label"]: row["ms_per_step"] for row in result["times"]["settings"]}


def percent(rate: Mapping[str, float], interval: bool = True) -> str:
    """`96 % (87 to 99)`."""
    return f"{100 * rate['rate']:.0f} %" + (f" ({100 * rate['low']:.0f} to {100 * rate['high']:.0f})" if interval else "")


def _answer(result: Found) -> str:
    advised, ms = result["advice"], times_of(result)
    reported = {found["label"]: found for found in advised["reported"]["settings"]}
    chosen, fastest = reported[advised["smallest"]], reported[advised["fastest"]]
    floor = max(rate["rate"] for rate in advised["reported"]["floors"].values())
    count = result["pairs"]["episodes"]
    tiles = [
        page.tile("use this horizon", f"{advised['horizon']} steps = {_seconds(advised['horizon'], result)}", _why(result), first=True),
        page.tile(
            "it reaches",
            f"{percent(chosen['success_end'], False)} of goals",
            f"on {count} fresh pairs of start and goal, 95 % interval {100 * chosen['success_end']['low']:.0f} to "
            f"{100 * chosen['success_end']['high']:.0f} %; the better of knowing nothing and standing still: {100 * floor:.0f} %.",
        ),
        page.tile("what limits it", LIMITS[advised["limit"]["what"]], advised["limit"]["why"]),
        page.tile(
            "if time counts",
            f"{ms[fastest['label']]:.1f} ms per step",
            f"with {fastest['label']}: {percent(fastest['success_end'], False)} of the fresh pairs. "
            f"{chosen['label']} takes {ms[chosen['label']]:.1f} ms.",
        ),
    ]
    words = (
        f"A model step is {result['step_seconds']:.2g} s. At each one the agent imagines many sequences of actions, as long as the horizon, "
        "takes the one of least cost, does its first action, and plans anew. Looking further costs time, and imagined states get worse the "
        "further they lie ahead; looking too near misses what comes behind the next corner."
    )
    return f'<div class="tiles">{"".join(tiles)}</div>{page.text(words)}'


def _why(result: Found) -> str:
    """Why this horizon and neither a shorter nor a longer one, with numbers."""
    advised = result["advice"]
    rungs = [found for found in result["success"] if found["role"] == "horizon"]
    best = next(found for found in rungs if found["label"] == advised["best"])
    chosen = next(found for found in rungs if found["label"] == advised["smallest"])
    shorter = [found for found in rungs if found["horizon"] < chosen["horizon"]]
    said = f"The shortest that is as good as any: {percent(chosen['success_end'], False)} on the pairs of the choice"
    if best is not chosen:
        said += f", within the interval of the best, {best['label']} with {percent(best['success_end'])}"
    said += f". {shorter[-1]['label']} reaches {percent(shorter[-1]['success_end'], False)}" if shorter else ". None shorter was tried"
    last = rungs[-1]
    return said + (f", {last['label']} {percent(last['success_end'], False)}." if last["horizon"] > chosen["horizon"] else ".")


def _success(result: Found, drawn: Mapping[str, str]) -> str:
    pairs = result["pairs"]
    words = (
        f"Every horizon is played on the same {pairs['episodes']} {pairs['kind'].replace('_', '-')} pairs (pairs.seed={pairs['seed']}), with the "
        f"checkpoint's planner ({result['planner']}) and cost ({result['cost'].replace('_', '-')}). At the end means: after the last of the episode's "
        f"{result['episode_steps']} control steps. Bars are Wilson's 95 % intervals. "
    )
    oracles = [found for found in result["success"] if found["role"] == "oracle"]
    if oracles:
        counts = ", ".join(f"{found['pairs']} at H = {found['horizon']}" for found in oracles)
        words += (
            f"The oracle plans in the real simulator with the true steps to go; it is slow, so it plays the first pairs only: {counts}. "
        )
    if result["planner"] == "cem":
        words += "CEM at equal evaluations is the checkpoint's planner itself. "
    captions = {
        "success": "Goals reached against the horizon. The shaded one is advised; floors are policies that know nothing.",
        "thirds": "The same by how far the goal is: the pairs, sorted by true steps from start to goal, in three equal parts.",
    }
    head = ["setting", "ahead", "evaluations", "pairs", "at the end", "any time", *THIRDS, "why it is played"]
    rows = [
        [
            found["label"],
            _seconds(found["horizon"], result),
            f"{found['evaluations']}",
            f"{found['pairs']}",
            percent(found["success_end"]),
            percent(found["success_any"], False),
            *(percent(found["thirds"][name], False) if name in found["thirds"] else "" for name in THIRDS),
            ROLES[found["role"]],
        ]
        for found in result["success"]
    ]
    floors = [
        [f"floor: {figures.FLOORS[name]}", "", "", f"{pairs['episodes']}", percent(rate), "", "", "", "", ""]
        for name, rate in result["floors"].items()
    ]
    shown = page.figures(page.picture(drawn[name], caption) for name, caption in captions.items())
    return page.section(
        "1. Success against horizon", page.text(words), shown, page.table(head, [*rows, *floors], [result["advice"]["smallest"]])
    )


def _imagination(result: Found, drawn: Mapping[str, str]) -> str:
    found = result["imagination"]
    position, latent = found["position"]["mlp"]["usable"], found["latent"]["usable"]
    most = len(found["steps"])
    words = (
        f"The model is shown the start of a random episode that training never saw, told the actions, and imagines the rest. It beats copying the "
        f"last state and the mean of all states for {_upto(latent, most)} in latents and for {_upto(position, most)} in position: its usable "
        f"horizon. {found['windows']} windows; probes that read position and velocity out of latents are fitted on other episodes, and their own "
        "error, on states that were seen, is the green line: imagined states cannot come out better."
    )
    rows = []
    marks = [step for step in (1, 2, 3, 5, 8, 12, 16, 24) if step <= most]
    for name, curves, unit in (
        ("latent", found["latent"], "std"),
        *(
            (f"{kind} probe, {name}", found[name][kind], found[name]["unit"])
            for name in ("position", "velocity")
            for kind in ("linear", "mlp")
        ),
    ):
        rows += [[f"{name}: {who} [{unit}]", *(f"{curves[who][step - 1]:.3g}" for step in marks)] for who in ("model", "copy", "mean")]
    captions = {
        "imagination-latent": "Root mean square error in the latent's own unit, in which the states of training spread by 1.",
        "imagination-position": "The same for the position of what has to reach the goal, read by a probe.",
        "imagination-velocity": "The same for the velocities of the joints.",
    }
    shown = page.figures(page.picture(drawn[name], caption) for name, caption in captions.items())
    table = page.table(["error, steps ahead", *(str(step) for step in marks)], rows)
    return page.section("2. How well it imagines", page.text(words), shown, table)


def _guidance(result: Found, drawn: Mapping[str, str]) -> str:
    found, plane = result["guidance"], result["landscape"]
    learned, raw = found["spearman"]["cost_to_go"]["all"], found["spearman"]["latent"]["all"]
    words = (
        f"A planner needs no exact cost, only the right order: nearer states must cost less. Rank correlation with the true steps to go, "
        f"1 being perfect order, over {found['states']} states for each of {found['goals']} goals: learned cost-to-go {learned:.2f}, "
        f"raw latent distance {raw:.2f}."
    )
    shown = [page.picture(drawn["guidance"], "Rank correlation of both costs with the true steps, for near, middle and far states.")]
    parts = [page.text(words), page.figures(shown)]
    if plane:
        traps = plane["traps"]
        parts.append(
            page.text(
                "The cost of standing still at each place, towards the first pair's goal (the star); white lines join equal costs, grey is where "
                f"the robot does not fit. Places from which every small move costs more, the goal aside, hold a short-sighted planner: "
                f"{traps['cost_to_go']} with the learned cost, {traps['latent']} with raw latent distance, {traps['true']} with the true steps."
            )
        )
        names = {"true": "what it should be", "cost_to_go": "what was learned", "latent": "distance in latent space"}
        parts.append(
            page.figures((page.picture(drawn[f"landscape-{name}"], f"{said}.".capitalize()) for name, said in names.items()), small=True)
        )
    return page.section("3. How well the cost guides", *parts)


def _times(result: Found, drawn: Mapping[str, str]) -> str:
    machine, front = result["machine"], result["advice"]["pareto"]
    rate = {found["label"]: found["success_end"] for found in result["success"]}
    words = (
        f"One decision for one robot, encoding included: median, and the 95th percentile as the bar above it, on {machine['processor']}, "
        f"{machine['threads']} of {machine['cores']} cores. Memory is that of the decision's tensors; it is the same on every machine."
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
            f"{row['memory_mb']:.1f} MB",
            percent(rate[row["label"]]),
        ]
        for row in result["times"]["settings"]
    ]
    shown = page.figures(page.picture(drawn[name], caption) for name, caption in captions.items())
    return page.section("4. What it costs", page.text(words), shown, page.table(head, rows, front))


def _advice(result: Found) -> str:
    advised, pairs, ms = result["advice"], result["pairs"], times_of(result)
    words = (
        f"Chosen on pairs.seed={pairs['seed']}, reported on pairs.seed={pairs['report_seed']}, which took no part in the choice: a best of many is "
        "flattered on the pairs that made it best."
    )
    reported = advised["reported"]
    why = {advised["best"]: "reached most", advised["smallest"]: "shortest within the interval of the best"}
    why[advised["fastest"]] = f"fastest within {100 * CLOSE:.0f} points of the best" + (
        f"; {why[advised['fastest']]}" if advised["fastest"] in why else ""
    )
    if advised["best"] == advised["smallest"]:
        why[advised["best"]] += "; reached most"
    rows = [
        [
            found["label"],
            _seconds(found["horizon"], result),
            f"{ms[found['label']]:.1f} ms" if found["label"] in ms else "",
            percent(found["success_end"]),
            percent(found["success_any"]),
            why.get(found["label"], "the checkpoint's own horizon" if found["label"] == f"H = {result['own_horizon']}" else ""),
        ]
        for found in reported["settings"]
    ]
    rows += [[f"floor: {figures.FLOORS[name]}", "", "", percent(rate), "", ""] for name, rate in reported["floors"].items()]
    rules = (
        "Rules. Horizon: the shortest whose success lies within the 95 % interval of the best one's. Limit: nothing, if 95 % are reached or "
        "the oracle, reaching 95 %, is not measurably better; the planner, if four times the samples reach measurably more, or the oracle "
        "misses as much; else the model or the cost, whichever lacks more: the model's error at the best horizon as a share of copying's, "
        "against 1 minus the cost's rank correlation. Measurably: the paired difference's 95 % interval, by bootstrap over pairs, is above 0."
    )
    limit = advised["limit"]
    table = page.table(["setting", "ahead", "per model step", "at the end", "at any time", "why"], rows, [advised["smallest"]])
    said = page.text(f"What limits success: {LIMITS[limit['what']].lower()}. {limit['why']}")
    numbers = page.facts({name.replace("_", " "): _number(value) for name, value in limit["rests_on"].items()})
    return page.section("5. The advice", page.text(words), table, said, numbers, page.text(rules, muted=True))


def _films(films: Sequence[Found]) -> str:
    if not films:
        return ""
    items = []
    for film in films:
        verdict = "reached" if film["reached"] else "not reached"
        items.append(page.video(film["video"], film["poster"], f"H = {film['horizon']}, pair {film['pair']}: {verdict}."))
    words = "One goal that was reached and one that was not, where there is one, at the shortest, the best and the longest horizon. Dots: the imagined path."
    return page.section("6. What it looks like", page.text(words), page.figures(items))


def _repeat(result: Found) -> str:
    origin, machine = result["checkpoint"], result["machine"]
    items = {
        "checkpoint": f"{origin['path']}; weights {origin['weights']}, data {origin['data']}, trained with seed {origin['seed']}",
        "seeds": f"planner {result['seeds']['planner']}, pairs {result['pairs']['seed']} and {result['pairs']['report_seed']}, random episodes {result['seeds']['data']}",
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
        "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, {machine['system']}",
        "took": f"{result['wall_seconds'] / 60:.1f} min; what was in the cache took nothing",
    }
    words = "The same command gives the same digits on the same machine, times aside. Every figure is beside this page as png, its data in horizon.json."
    return page.section("7. To repeat it", f"<pre>{escape(result['command'])}</pre>", page.facts(items), page.text(words, muted=True))


def _name(result: Found) -> str:
    return Path(result["checkpoint"]["path"]).name


def _seconds(horizon: int, result: Found) -> str:
    return f"{horizon * result['step_seconds']:.2g} s"


def _upto(steps: int, most: int) -> str:
    return f"all {most} steps that were asked" if steps >= most else f"{steps} steps"


def _number(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_number(one)}" for name, one in value.items())
    return f"{value:.3g}" if isinstance(value, float) else str(value)
