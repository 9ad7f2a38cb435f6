"""One success and one failure at a horizon as small videos with the imagined path, out of the
episodes that the sweep played.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from latent_mpc.agent.evaluation.scenes import show_episode
from latent_mpc.agent.horizon.report.style import data_uri
from latent_mpc.agent.horizon.settings import Setting
from latent_mpc.agent.horizon.sweep import Sweep
from latent_mpc.envs.cameras.gl import Camera, open_camera
from latent_mpc.envs.video.demo_frame import Episode, compose_episode
from latent_mpc.envs.video.encode import write_video

SCENE = 224  # rows and columns of a scene [pixels]; the frame scales it up
WIDTH, HEIGHT = 640, 458  # of a frame [pixels]


def open_film_camera(sweep: Sweep) -> Camera:
    """What the films are taken with; opened before hours of playing, so that one that does not work
    is refused at once.
    """
    return open_camera(sweep.task.model, sweep.task.view, SCENE, sweep.config.camera.backend)


def film_pairs(
    sweep: Sweep, setting: Setting, outcome: Mapping[str, Any], camera: Camera
) -> list[dict[str, Any]]:
    """The first success and the first failure: `{"horizon", "pair", "reached", "video", "poster"}`,
    both files as data URIs.
    """
    ends, films = list(outcome["end"]), []
    for verdict in (1, 0):
        if verdict in ends:
            i = ends.index(verdict)
            frames = [
                _small(frame) for frame in compose_episode(_episode(sweep, setting, camera, i))
            ]
            films.append(
                {
                    "horizon": setting.horizon,
                    "pair": i + 1,
                    "reached": bool(verdict),
                    "video": _mp4(frames, 1 / sweep.task.control_period),
                    "poster": _jpeg(frames[-1]),
                }
            )
    return films


def _episode(sweep: Sweep, setting: Setting, camera: Camera, i: int) -> Episode:
    """Pair i of a played setting, for the demo's picture."""
    task, film, pairs = (
        sweep.task,
        sweep.film(setting),
        sweep.pairs(setting.pairs_seed, setting.pairs).pairs,
    )
    return show_episode(
        task,
        camera,
        film["states"][:, i],
        pairs[i].goal,
        film["paths"][:, i],
        title=f"{task.name}, horizon {setting.horizon}",
        index=i + 1,
        total=len(pairs),
    )


def _small(frame: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))


def _mp4(frames: list[np.ndarray], fps: float) -> str:
    with TemporaryDirectory() as folder:
        return data_uri(
            "video/mp4", write_video(Path(folder) / "film.mp4", frames, fps).read_bytes()
        )


def _jpeg(frame: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=80)
    return data_uri("image/jpeg", buffer.getvalue())
