"""Videos read back as written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from latent_mpc.envs.video.encode import write_gif, write_video


def moving_square(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    frames = [np.full((height, width, 3), 30, np.uint8) for _ in range(count)]
    for i, frame in enumerate(frames):
        frame[10:30, 2 * i : 2 * i + 16] = (230, 120, 40)
    return frames


def test_an_mp4_reads_back_with_the_same_frames(tmp_path: Path) -> None:
    written = moving_square(12)
    path = write_video(tmp_path / "new" / "a.mp4", iter(written), fps=10)
    read = iio.imread(path, plugin="pyav")
    assert read.shape == (12, 48, 64, 3)
    # in order and in colour, as far as a lossy codec goes
    assert np.abs(read.astype(int) - np.stack(written)).mean() < 4
    metadata = iio.immeta(path, plugin="pyav")
    assert (metadata["codec"], metadata["video_format"], metadata["fps"]) == ("h264", "yuv420p", 10)
    assert [file.name for file in path.parent.iterdir()] == ["a.mp4"]


def test_a_gif_reads_back_with_every_other_frame_at_half_the_pace(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "a.gif", iter(moving_square(12)), fps=20, width=32, every=2)
    with Image.open(path) as image:
        assert (image.size, image.info["duration"], image.info["loop"]) == ((32, 24), 100, 0)
    assert len(iio.imread(path)) == 6


@pytest.mark.parametrize(("write", "name"), [(write_video, "a.mp4"), (write_gif, "a.gif")])
def test_a_path_that_cannot_be_written_is_said_in_one_line(
    write: Any, name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / name).mkdir()
    for path in (tmp_path / "file" / name, tmp_path / name):
        with pytest.raises(OSError, match=f"^cannot write .*{name}: [^\n]+$"):
            write(path, moving_square(2), fps=10)
    with pytest.raises(ValueError, match=r"must end in \.(mp4|gif), got 'a.txt'"):
        write(tmp_path / "a.txt", moving_square(2), fps=10)


@pytest.mark.parametrize(("write", "name"), [(write_video, "a.mp4"), (write_gif, "a.gif")])
def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(
    write: Any, name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises(ValueError, match=r"every frame must be uint8 \(48, 64, 3\).*\(20, 20, 3\)"):
        write(tmp_path / name, [*moving_square(3), np.zeros((20, 20, 3), np.uint8)], fps=10)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_frames_that_make_no_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "a.mp4", [], fps=10)
    with pytest.raises(ValueError, match="fps must be above 0, got 0"):
        write_video(tmp_path / "a.mp4", moving_square(1), fps=0)
    with pytest.raises(ValueError, match="even width and height, got 65 x 48"):
        write_video(tmp_path / "a.mp4", moving_square(1, width=65), fps=10)
    assert not list(tmp_path.iterdir())
