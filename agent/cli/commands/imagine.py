"""Show what a checkpoint imagines, beside what the simulator does.

From moments of random play, or of the agent's own plans, the model imagines what the same actions
lead to, and a decoder, fitted when it is first asked for and kept beside the checkpoint, shows it.
From states the robot is drawn where a probe says that it is imagined. The video has the simulator,
what was imagined and their difference; the json the errors against steps ahead, beside copying the
last frame and the mean picture. With what_if, other actions from the same moments; with
decoder.camera, what another camera would see, decoded from what the first has seen.

Examples:
    latent-mpc imagine
    latent-mpc imagine checkpoint=pointmaze-medium-pixels actions=plan
    latent-mpc imagine what_if=reverse
    latent-mpc imagine decoder.camera=side
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from latent_mpc.agent.build import Parts, make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.checkpoints.shipped import find_checkpoint
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.evaluation.imagination import errors
from latent_mpc.agent.evaluation.imagination.futures import (
    Futures,
    counterfactual,
    given_futures,
    planned_futures,
    random_futures,
    read_actions,
)
from latent_mpc.agent.evaluation.imagination.imagined import (
    Pictures,
    curves_of,
    imagine,
    look,
    measure,
    picture,
)
from latent_mpc.agent.evaluation.imagination.shown import Decoded, Drawn, Shown
from latent_mpc.agent.evaluation.imagination.tables import print_report
from latent_mpc.agent.evaluation.pairs import pairs_of
from latent_mpc.agent.evaluation.results import (
    command,
    make_folder,
    require_folder,
    versions,
    write_json,
)
from latent_mpc.agent.heads.decoder import Decoder, DecoderConfig
from latent_mpc.agent.training.afterwards import Afterwards, file_name
from latent_mpc.configs.command_line import checkpoint_settings, write
from latent_mpc.configs.schema import ImagineConfig
from latent_mpc.envs.cameras.gl import Camera, open_camera
from latent_mpc.envs.cameras.ray import RayCamera
from latent_mpc.envs.task import Task
from latent_mpc.envs.video.encode import write_gif, write_video
from latent_mpc.envs.video.imagined_frame import PICTURE, Future, Row, compose_future

GIF_EPISODES = 2


def run(config: ImagineConfig) -> int:
    """Simulate, imagine, measure, draw, write, say how far off it is."""
    begin, folder = time.perf_counter(), Path(config.out)
    require_folder(folder)
    checkpoint = find_checkpoint(config.checkpoint)
    parts = load_parts(config.checkpoint, resolve_device(config.device))
    task = make_task(parts.config, task_id=config.task.id)
    camera = open_shown_camera(config, parts, task)
    futures, others = make_futures(config, parts, task)
    shop = Afterwards(
        parts, task, checkpoint, config.folder(), config.decoder.episodes, config.seed
    )
    shown = make_shown(config, parts, task, shop, camera)
    make_folder(folder)  # what can be refused was
    seen = look(parts, task, futures)
    z = imagine(parts, seen, futures)
    other = (others, imagine(parts, seen, others)) if others else None
    report = measure(parts, task, futures, z, other)
    count = len(futures) if isinstance(shown, Decoded) else config.episodes
    taken = [picture(shown, futures.first(count), z[:count])]
    if other:
        first = other[0].first(config.episodes)
        taken.append(picture(shown, first, other[1][: config.episodes]))
    square = errors.picture_errors(taken[0].true, taken[0].imagined[:, 1:])
    report = {
        **head(config, parts, task),
        "futures": {"places": len(futures), "pictures": count, "steps": futures.steps},
        "pictures": {"shown": type(shown).__name__.lower(), **errors.picture_curves(square)},
        **report,
    }
    paths = [folder / f"{label(config)}.{kind}" for kind in ("mp4", "gif", "json")]
    fps = 1 / report["step_seconds"]

    dreams = [(futures, z), *([other] if other else [])]
    unit, curves = curves_of(shown, parts, task, dreams, taken, config.episodes)

    def frames(episodes: int) -> Iterator[np.ndarray]:
        each = scenes(config, taken, unit, curves, report, episodes)
        return chain.from_iterable(map(compose_future, each))

    report["wall_seconds"] = time.perf_counter() - begin
    write_json(paths[2], report)  # first: a video that fails takes no figures with it
    write_video(paths[0], frames(config.episodes), fps)
    write_gif(paths[1], frames(min(GIF_EPISODES, config.episodes)), fps)
    print_report(report)
    kept = [*map(str, shop.written), *map(str, paths)]
    then = {**checkpoint_settings(config.checkpoint, config.task.id), "what_if": "reverse"}
    print(
        f"wrote {', '.join(kept)} in {time.perf_counter() - begin:.0f} s\n"
        f"next: {write('imagine', then) if not config.what_if else f'look at {paths[0]}'}"
    )
    return 0


def repeat_of(parts: Parts) -> int:
    """Control steps in a model step."""
    repeat: int = parts.config["task"]["action_repeat"]
    return repeat


def make_futures(config: ImagineConfig, parts: Parts, task: Task) -> tuple[Futures, Futures | None]:
    """What is imagined about, and the same moments under other actions where that is asked."""
    count, repeat, seed = max(config.measured, config.episodes), repeat_of(parts), config.pairs.seed
    if config.what_if.endswith(".npy"):  # refused before the first step
        read_actions(config.what_if, task, count, config.steps * repeat, "what_if")
    if config.actions == "plan":
        agent = make_agent(
            parts, planner=vars(config.planner), cost=vars(config.cost), seed=config.seed
        )
        futures = planned_futures(agent, task, pairs_of(task, count, config.pairs), config.steps)
    elif config.actions == "random":
        behaviour = parts.config["data"].get("behaviour") or {}
        futures = random_futures(task, behaviour, count, config.steps, repeat, seed)
    else:
        futures = given_futures(task, config.actions, count, config.steps, repeat, seed)
    asked = config.what_if
    return futures, counterfactual(futures, asked, task, repeat) if asked else None


def open_shown_camera(config: ImagineConfig, parts: Parts, task: Task) -> Camera:
    """That takes the pictures: another one that was asked for, the task's own, or of states a large
    one. Raises KeyError, ValueError if there is none of that name.
    """
    if config.decoder.camera:
        return RayCamera(task.model, config.decoder.camera, parts.config["task"]["size"])
    if "pixels" in parts.model.shapes:
        return task.camera
    return open_camera(task.model, task.view, PICTURE, config.camera.backend)


def make_shown(
    config: ImagineConfig, parts: Parts, task: Task, shop: Afterwards, camera: Camera
) -> Shown:
    """How latents are shown; what is missing for that is fitted."""
    chosen, size, own = config.decoder, parts.config["task"]["size"], parts.heads.get("decoder")
    fitted = DecoderConfig(steps=chosen.steps, width=chosen.width)
    if chosen.camera:
        decoder = shop.decoder(fitted, (size, size, 3), file_name(chosen.camera), camera)
    elif "pixels" not in parts.model.shapes:
        return Drawn(shop.pose(), task, camera)
    elif isinstance(own, Decoder):
        decoder = own
    else:
        decoder = shop.decoder(fitted, tuple(parts.model.shapes["pixels"]), file_name(), None)
    return Decoded(decoder, task, camera)


def head(config: ImagineConfig, parts: Parts, task: Task) -> dict[str, Any]:
    """What the json says first."""
    return {
        "task": task.name,
        "obs": "+".join(parts.config["spaces"]),
        "checkpoint": config.checkpoint,
        "actions": config.actions,
        **({"asked": config.what_if} if config.what_if else {}),
        **({"camera": config.decoder.camera} if config.decoder.camera else {}),
        "step_seconds": task.control_period * repeat_of(parts),
        "seed": config.pairs.seed,
        "command": command(),
        "versions": versions(),
    }


def label(config: ImagineConfig) -> str:
    """What the files are called: imagine-reacher-pixels-reverse."""
    words = [config.what_if] if config.what_if else []
    words += [config.actions] if config.actions != "random" else []
    words += [file_name(config.decoder.camera)] if config.decoder.camera else []
    name = Path(config.checkpoint).resolve().name
    return "-".join(["imagine", name, *(Path(word).stem for word in words)])


def scenes(
    config: ImagineConfig,
    taken: list[Pictures],
    unit: str,
    curves: dict[str, np.ndarray],
    report: dict[str, Any],
    episodes: int,
) -> Iterator[Future]:
    """What the video shows of each future."""
    names = ("", "") if len(taken) == 1 else ("as done", f"what if: {Path(config.what_if).stem}")
    title = f"{report['task']} from {report['obs']}, actions {Path(config.actions).stem}"
    title += f", seen from {config.decoder.camera}" if config.decoder.camera else ""
    for i in range(episodes):
        rows = [
            Row(name, one.true[i], one.imagined[i]) for name, one in zip(names, taken, strict=False)
        ]
        own = {name: one[i].tolist() for name, one in curves.items()}
        seconds, note = report["step_seconds"], f"{i + 1} of {episodes}"
        yield Future(rows, own, unit, seconds, title, note)
