"""report.html out of horizon.json and its pictures: the answer first; what it rests on stands in `sections.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_mpc.agent.horizon.advice import percent, plural
from latent_mpc.agent.horizon.report import figures, figures_model, html, sections
from latent_mpc.agent.horizon.report.sections import LIMITS, seconds_of, times_of
from latent_mpc.agent.horizon.report.style import RC, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Found = Mapping[str, Any]


def write_figures(result: Found, folder: Path) -> dict[str, str]:
    """Draw every figure; each as png into `folder/figures` and as a data URI. Returns name -> URI."""
    from matplotlib import rc_context

    seconds, ms, advised, imagined = result["step_seconds"], times_of(result), result["advice"], result["imagination"]
    agents = [found for found in result["success"] if found["role"] != "oracle"]
    draw: dict[str, Callable[[], Figure]] = {
        "success": partial(figures.draw_success, result["success"], result["floors"], seconds, advised["horizon"]),
        "thirds": partial(figures.draw_thirds, result["success"], result["steps_away"], seconds),
        "imagination-latent": partial(figures_model.draw_imagination, imagined["latent"], seconds, "latent [standard deviations]"),
        "guidance": partial(figures_model.draw_guidance, result["guidance"]),
        "times": partial(figures.draw_times, result["times"]["grid"], seconds),
        "pareto": partial(figures.draw_pareto, agents, ms, advised["pareto"]),
    }
    for name in ("position", "velocity"):
        what = f"{name} [{imagined[name]['unit']}]"
        draw[f"imagination-{name}"] = partial(figures_model.draw_imagination, imagined[name]["mlp"], seconds, what)
    if result["landscape"]:
        draw |= {
            f"landscape-{name}": partial(figures_model.draw_landscape, result["landscape"], name) for name in result["landscape"]["values"]
        }
    (folder / "figures").mkdir(exist_ok=True)
    with rc_context(RC):
        return {name: save(make(), folder / "figures" / f"{name}.png") for name, make in draw.items()}


def write_page(result: Found, drawn: Mapping[str, str], films: Sequence[Found]) -> str:
    """The page's HTML."""
    name = Path(result["checkpoint"]["path"]).name
    about = f"{result['task']} from {result['obs']}, checkpoint {name}: what each planning horizon reaches, and what limits it."
    parts = [
        f"<h1>How far should it look ahead?</h1>{html.text(about, muted=True)}",
        _answer(result, drawn["success"]),
        sections.success(result, drawn),
        sections.imagination(result, drawn),
        sections.guidance(result, drawn),
        sections.times(result, drawn),
        sections.advice(result),
        _films(films),
        _repeat(result),
    ]
    return html.page(f"Planning horizon of {name}", parts)


def _answer(result: Found, success: str) -> str:
    """Four answers, and the one figure that shows why."""
    advised, ms, count = result["advice"], times_of(result), result["pairs"]["episodes"]
    reported = {found["label"]: found for found in advised["reported"]["settings"]}
    chosen, fastest = reported[advised["smallest"]], reported[advised["fastest"]]
    floor, end = max(rate["rate"] for rate in advised["reported"]["floors"].values()), chosen["success_end"]
    reaches = f"on {count} fresh pairs of start and goal, 95 % interval {100 * end['low']:.0f} to {100 * end['high']:.0f} %; "
    reaches += f"acting at random or standing still: {100 * floor:.0f} %."
    quick = f"with {fastest['label']}: {percent(fastest['success_end'], False)} of the fresh pairs"
    quick += "." if fastest is chosen else f"; {chosen['label']} takes {ms[chosen['label']]:.1f} ms."
    ahead = f"{plural(advised['horizon'])} = {seconds_of(advised['horizon'], result)}"
    tiles = (
        html.tile("use this horizon", ahead, _why(result), first=True),
        html.tile("it reaches", f"{percent(end, False)} of goals", reaches),
        html.tile("what limits it", LIMITS[advised["limit"]["what"]], advised["limit"]["why"]),
        html.tile("if time counts", f"{ms[fastest['label']]:.1f} ms per step", quick),
    )
    told = (
        f"A model step is {result['step_seconds']:.2g} s. At each one the agent imagines many sequences of actions, as long as its "
        "horizon, takes the one of least cost, does the first action of it, and plans anew.",
        "Looking too near, it misses what comes behind the next corner; looking too far, it trusts imagined states that get worse with "
        "every step, and it takes longer.",
        f"Here: {advised['beyond']['why']}",
    )
    caption = (
        "Goals reached against the horizon; the shaded one is advised. Bars are 95 % intervals, grey lines policies that know nothing."
    )
    shown = html.beside(html.picture(success, caption), "".join(map(html.text, told)))
    return f'<div class="tiles">{"".join(tiles)}</div>{shown}'


def _why(result: Found) -> str:
    """Why this horizon and neither a shorter nor a longer one, with numbers."""
    advised = result["advice"]
    rungs = [found for found in result["success"] if found["role"] == "horizon"]
    best = next(found for found in rungs if found["label"] == advised["best"])
    chosen = next(found for found in rungs if found["label"] == advised["smallest"])
    if best["success_end"]["low"] <= max(rate["high"] for rate in result["floors"].values()):
        return "No horizon is measurably better than knowing nothing: this is only the shortest."
    said = f"The shortest that is as good as the best, {percent(chosen['success_end'], False)} on the pairs of the choice"
    if best is not chosen:
        said += f"; best was {best['label']} with {percent(best['success_end'])}"
    shorter, last = [found for found in rungs if found["horizon"] < chosen["horizon"]], rungs[-1]
    others = [
        f"{found['label']} reaches {percent(found['success_end'], False)}" for found in (*shorter[-1:], *([last] * (last is not chosen)))
    ]
    return f"{said}. {', '.join(others)}." if others else f"{said}."


def _films(films: Sequence[Found]) -> str:
    if not films:
        return ""
    items = [
        html.video(
            film["video"],
            film["poster"],
            f"H = {film['horizon']}, pair {film['pair']}: {'reached' if film['reached'] else 'not reached'}.",
        )
        for film in films
    ]
    words = "One goal that was reached and one that was not, where there is one, at the shortest, the best and the longest horizon."
    return html.section("6. What it looks like", html.text(f"{words} Dots: the imagined path."), html.figures(items))


def _repeat(result: Found) -> str:
    origin, machine, seeds, pairs = result["checkpoint"], result["machine"], result["seeds"], result["pairs"]
    items = {
        "checkpoint": f"{origin['path']}; weights {origin['weights']}, data {origin['data']}, trained with seed {origin['seed']}",
        "seeds": f"planner {seeds['planner']}, pairs {pairs['seed']} and {pairs['report_seed']}, random episodes {seeds['data']}",
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
        "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, {machine['system']}",
        "took": f"{result['wall_seconds'] / 60:.1f} min; what was in the cache took nothing",
    }
    words = "The same command gives the same digits on the same machine, times aside. "
    words += "Every figure stands beside this page as png, its data in horizon.json."
    command = f"<pre>{html.plain(result['command'])}</pre>"
    return html.section("7. To repeat it", command, html.facts(items), html.text(words, muted=True))
