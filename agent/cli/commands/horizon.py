"""Find out how far a checkpoint should look ahead, and what limits it.

Plays the same pairs at every horizon, beside the oracle, fewer and more samples and other costs;
measures how far the model imagines well and how well the cost guides; times decisions. Writes
horizon.json and report.html, one page without any outside parts. What was played is kept in
out/cache/: a killed study goes on, a wider one plays only what is new.

Examples:
    latent-mpc horizon checkpoint=reacher-pixels
    latent-mpc horizon checkpoint=runs/umaze horizons=[1,3,5,10] episodes=100 out=runs/umaze-study
    latent-mpc horizon checkpoint=runs/umaze horizons=[1,3] only=sweep out=runs/part-a
    latent-mpc horizon checkpoint=runs/umaze horizons=[1,3,5,10] reuse=[runs/part-a,runs/part-b]
"""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from latent_mpc.agent.evaluation.results import command, write_json
from latent_mpc.agent.horizon.advice import plural
from latent_mpc.agent.horizon.report.report import write_figures, write_page
from latent_mpc.agent.horizon.report.videos import film_pairs, open_film_camera
from latent_mpc.agent.horizon.study import require_playable, settings_by_horizon, study
from latent_mpc.agent.horizon.sweep import Sweep
from latent_mpc.configs.command_line import checkpoint_settings, write
from latent_mpc.configs.schema import HorizonConfig
from latent_mpc.envs.cameras.gl import Camera
from latent_mpc.envs.files import replace


def run(config: HorizonConfig) -> int:
    """Study, draw, write, say what to do."""
    begin, folder = time.perf_counter(), config.folder()
    sweep = Sweep.open(config)
    require_playable(sweep)
    if config.only == "sweep":
        with sweep.progress:
            sweep.play(settings_by_horizon(sweep))
        print(f"horizons {config.horizons} are in {folder / 'cache'}")
        again = {
            **checkpoint_settings(config.checkpoint, config.task.id),
            "reuse": [str(folder)],
        }
        print(f"next: {write('horizon', again)}")
        return 0
    camera = open_film_camera(sweep) if config.videos else None
    with sweep.progress:
        result = study(sweep)
    result |= {"command": command(), "wall_seconds": time.perf_counter() - begin}
    write_json(folder / "horizon.json", result)
    figures, page = write_figures(result, folder), folder / "report.html"
    # all but the films, which take nothing with them if they fail
    replace(page, write_page(result, figures, []).encode())
    print_advice(result)
    if camera:
        replace(page, write_page(result, figures, _films(sweep, result, camera)).encode())
    print(f"wrote {page}, {folder / 'horizon.json'} and {len(figures)} figures as png")
    print(f"next: open {page} in a browser")
    return 0


def print_advice(result: dict[str, Any]) -> None:
    """What to use, how good it is on pairs that took no part in the choice, and what limits it."""
    advised, ms = (
        result["advice"],
        {row["label"]: row["ms_per_step"] for row in result["times"]["settings"]},
    )
    pairs = result["pairs"]
    numbers = ("reached at the end", "95 % interval", "ms per model step")
    table = Table(
        "setting",
        *(Column(name, justify="right") for name in numbers),
        title=(
            f"{result['task']} from {result['obs']}, {pairs['episodes']} pairs of seed"
            f" {pairs['report_seed']}"
        ),
    )
    for row in advised["reported"]["settings"]:
        rate = row["success_end"]
        time = f"{ms[row['label']]:.1f}" if row["label"] in ms else ""
        table.add_row(
            row["label"], f"{rate['rate']:.1%}", f"{rate['low']:.1%} to {rate['high']:.1%}", time
        )
    Console().print(table)
    print(
        f"look {plural(advised['horizon'], 'model step')} ahead"
        f" ({advised['horizon'] * result['step_seconds']:.2g} s); fastest: {advised['fastest']}"
    )
    print(f"what limits success: {advised['limit']['what']}. {advised['limit']['why']}")


def _films(sweep: Sweep, result: dict[str, Any], camera: Camera) -> list[dict[str, Any]]:
    """A success and a failure at the shortest, best and longest horizon."""
    by_horizon = {f"H = {setting.horizon}": setting for setting in settings_by_horizon(sweep)}
    labels = dict.fromkeys(
        (
            min(by_horizon, key=lambda x: by_horizon[x].horizon),
            result["advice"]["best"],
            max(by_horizon, key=lambda x: by_horizon[x].horizon),
        )
    )
    rows = {one["label"]: one for one in result["success"]}
    return [
        film
        for label in labels
        for film in film_pairs(sweep, by_horizon[label], rows[label], camera)
    ]
