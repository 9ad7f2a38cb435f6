"""Frames -> mp4 and gif, in process and atomic. What the frames show is no concern of this file.

Shapes: H rows, W columns of a frame.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.files import whole


def write_video(path: str | Path, frames: Iterable[np.ndarray], fps: float) -> Path:
    """Write frames uint8 `[H, W, 3]`, H and W even, as h264 in yuv420p, which every browser plays.
    Atomic.

    Raises:
        ValueError: no frame, frames of odd or different sizes, or fps not above 0.
        OSError: the path cannot be written.
    """
    first, frames = _begin(frames, fps)
    if first.shape[0] % 2 or first.shape[1] % 2:
        raise LatentMPCError(
            f"an mp4 needs frames of even width and height, got {first.shape[1]} x {first.shape[0]}"
        )
    with _atomic(path, ".mp4") as part, iio.imopen(part, "w", plugin="pyav") as file:
        file.init_video_stream("libx264", fps=float(fps), pixel_format="yuv420p")
        for frame in frames:
            file.write_frame(_checked(frame, first))
    return Path(path)


def write_gif(
    path: str | Path, frames: Iterable[np.ndarray], fps: float, width: int = 640, every: int = 1
) -> Path:
    """Write a small endless gif, `width` pixels wide, of each `every`-th frame; `fps` is the pace
    of `frames`. Atomic.

    One palette for all frames and no dithering: what stands still stays the same and costs nothing.
    Equal neighbours become one longer frame. Keeps all frames in memory. Raises as `write_video`.
    """
    first, frames = _begin(frames, fps)
    size = (width, round(width * first.shape[0] / first.shape[1]))
    kept = islice((_checked(frame, first) for frame in frames), 0, None, every)
    small = [Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS) for frame in kept]
    palette = _palette(small)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in small]
    with _atomic(path, ".gif") as part:
        indexed[0].save(
            part,
            "GIF",
            save_all=True,
            append_images=indexed[1:],
            duration=1000 * every / fps,
            loop=0,
        )
    return Path(path)


def _palette(images: list[Image.Image]) -> Image.Image:
    """256 colours for all images: the 64 most frequent as they are, and 192 by median cut of the
    shades between.

    Median cut alone gives a large shaded scene everything and turns a small green tick blue.
    """
    pixels = np.concatenate(
        [
            np.asarray(image).reshape(-1, 3)
            for image in images[:: max(1, len(images) // 16)] + images[-1:]
        ]
    )
    codes, counts = np.unique(
        pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32), return_counts=True
    )
    flat = codes[np.argsort(-counts, kind="stable")[:64]]
    exact = np.stack([flat >> 16, flat >> 8 & 255, flat & 255], axis=-1).astype(np.uint8)
    shades = (
        Image.fromarray(pixels[None]).quantize(192, method=Image.Quantize.MEDIANCUT).getpalette()
        or []
    )
    palette = Image.new("P", (1, 1))
    palette.putpalette([*exact.ravel().tolist(), *shades[: 192 * 3]])
    return palette


def _begin(frames: Iterable[np.ndarray], fps: float) -> tuple[np.ndarray, Iterator[np.ndarray]]:
    """The first frame, and all of them."""
    if not fps > 0:
        raise LatentMPCError(f"fps must be above 0, got {fps}")
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise LatentMPCError("a video needs at least one frame, got none")
    return first, chain([first], rest)


def _checked(frame: np.ndarray, first: np.ndarray) -> np.ndarray:
    if frame.shape != first.shape or frame.dtype != np.uint8:
        raise LatentMPCError(
            f"every frame must be uint8 {first.shape} as the first, got {frame.dtype} {frame.shape}"
        )
    return frame


@contextmanager
def _atomic(path: str | Path, suffix: str) -> Iterator[Path]:
    """Atomic write: a temporary path to write to, renamed to `path` on success and removed
    otherwise.
    """
    target = Path(path)
    if target.suffix != suffix:
        raise LatentMPCError(f"the file must end in {suffix}, got {target.name!r}")
    part = f".{target.stem}.part{suffix}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        target.with_name(part).touch()
    except OSError as error:
        raise OSError(f"cannot write {target}: {error.strerror}") from error
    with whole(target, part) as temporary:
        yield temporary
