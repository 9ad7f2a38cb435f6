"""report.html out of horizon.json and its pictures: the figures, and the values that its template,
`report.html.j2`, puts into words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from latent_mpc.agent.evaluation.statistics import THIRDS
from latent_mpc.agent.horizon.advice import CLOSE, percent, plural
from latent_mpc.agent.horizon.report import figures, figures_model
from latent_mpc.agent.horizon.report.style import RC, save
from latent_mpc.agent.horizon.settings import cost_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Outcome = Mapping[str, Any]


def write_figures(result: Outcome, folder: Path) -> dict[str, str]:
    """Draw every figure; each as png into `folder/figures` and as a data URI. Returns name ->
    URI.
    """
    from matplotlib import rc_context

    seconds, ms, advised, imagined = (
        result["step_seconds"],
        times_of(result),
        result["advice"],
        result["imagination"],
    )
    agents = [outcome for outcome in result["success"] if outcome["role"] != "oracle"]
    draw: dict[str, Callable[[], Figure]] = {
        "success": partial(
            figures.draw_success, result["success"], result["floors"], seconds, advised["horizon"]
        ),
        "thirds": partial(figures.draw_thirds, result["success"], result["steps_away"], seconds),
        "imagination-latent": partial(
            figures_model.draw_imagination,
            imagined["latent"],
            seconds,
            "latent [standard deviations]",
        ),
        "guidance": partial(figures_model.draw_guidance, result["guidance"]),
        "times": partial(figures.draw_times, result["times"]["grid"], seconds),
        "pareto": partial(figures.draw_pareto, agents, ms, advised["pareto"]),
    }
    for name in ("position", "velocity"):
        what = f"{name} [{imagined[name]['unit']}]"
        draw[f"imagination-{name}"] = partial(
            figures_model.draw_imagination, imagined[name]["mlp"], seconds, what
        )
    if result["landscape"]:
        draw |= {
            f"landscape-{name}": partial(figures_model.draw_landscape, result["landscape"], name)
            for name in result["landscape"]["values"]
        }
    (folder / "figures").mkdir(exist_ok=True)
    with rc_context(RC):
        return {
            name: save(make(), folder / "figures" / f"{name}.png") for name, make in draw.items()
        }


def write_page(result: Outcome, images: Mapping[str, str], films: Sequence[Outcome]) -> str:
    """The page's HTML.

    Args:
        result: horizon.json.
        images: URIs of the figures, by name.
        films: as `film_pairs` gives them.
    """
    advised, imagined = result["advice"], result["imagination"]
    by_label = {one["label"]: one for one in result["success"] if one["role"] == "horizon"}
    reported = {one["label"]: one for one in advised["reported"]["settings"]}
    chosen, *_, last = by_label[advised["smallest"]], *by_label.values()
    shorter = [one for one in by_label.values() if one["horizon"] < chosen["horizon"]]
    probes = [(name, kind) for name in ("position", "velocity") for kind in ("linear", "mlp")]
    reasons = {
        "best": "reached most",
        "smallest": "the shortest within the interval of the best",
        "fastest": f"the fastest within {100 * CLOSE:.0f} points of the best",
    }
    values: dict[str, Any] = {
        "name": Path(result["checkpoint"]["path"]).name,
        "ms": times_of(result),
        "rate": {one["label"]: one["success_end"] for one in result["success"]},
        "best": by_label[advised["best"]],
        "chosen": chosen,
        "others": [
            *shorter[-1:],
            *([last] if last["label"] not in (advised["smallest"], advised["best"]) else []),
        ],  # of shorter and longer ones
        "fresh": reported[advised["smallest"]],
        "fastest": reported[advised["fastest"]],
        "errors": (
            [("latent", imagined["latent"], "std")]
            + [
                (
                    f"{name}, {kind.replace('mlp', 'MLP')} probe",
                    imagined[name][kind],
                    imagined[name]["unit"],
                )
                for name, kind in probes
            ]
        ),
        "reasons": [
            (f"H = {result['own_horizon']}", "the checkpoint's own"),
            *((advised[key], why) for key, why in reasons.items()),
        ],
    }
    page = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page.filters |= {
        "cost_name": cost_name,
        "number": _number,
        "numbers": _numbers,
        "percent": percent,
        "plural": plural,
        "seconds": lambda horizon: f"{horizon * result['step_seconds']:.2g} s",
        "third": _third,
    }
    page.globals |= {"thirds": list(THIRDS), "floors": figures.FLOORS}
    template = page.from_string(
        Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    )
    return template.render(result=result, figures=images, films=films, **values)


def times_of(result: Outcome) -> dict[str, float]:
    """Label -> planning time for one model step [ms]."""
    return {row["label"]: row["ms_per_step"] for row in result["times"]["settings"]}


def _numbers(html: Markup) -> Markup:
    """Numbers as they are printed: one stays on the line of its percent sign, and a minus is
    one.
    """
    return Markup(re.sub(r"(?<![\w-])-(?=\d)", "\u2212", html).replace(" %", "\u00a0%"))


def _number(value: Any, form: str = ".3g") -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_number(one)}" for name, one in value.items())
    return f"{value:{form}}" if isinstance(value, float) else str(value)


def _third(name: str, outcome: Outcome) -> str:
    return percent(outcome["thirds"][name], False) if name in outcome["thirds"] else ""
