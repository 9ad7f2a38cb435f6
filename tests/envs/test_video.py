"""Videos read back as written, and the demo's frame shows what it was given, where it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from latent_mpc.envs import video
from latent_mpc.envs.video import Episode, compose_episode, write_gif, write_video

SCENE = np.full((64, 64, 3), 40, np.uint8)


def moving_square(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    frames = [np.full((height, width, 3), 30, np.uint8) for _ in range(count)]
    for i, frame in enumerate(frames):
        frame[10:30, 2 * i : 2 * i + 16] = (230, 120, 40)
    return frames


def episode(**changes: Any) -> Episode:
    fields: dict[str, Any] = {
        "scenes": [SCENE] * 4,
        "goal": SCENE,
        "plans": [np.array([[0.25, 0.75], [0.5, 0.5]])] * 4,
        "distances": [0.3, 0.2, 0.1, 0.0],
        "unit": "m",
        "control_period": 0.1,
        "success": [False, False, False, True],
        "index": 2,
        "total": 3,
        "title": "reacher",
        "earlier": (True,),
    }
    return Episode(**{**fields, **changes})


def frames(**changes: Any) -> list[np.ndarray]:
    return list(compose_episode(episode(**changes)))


def region(frame: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    left, top, right, bottom = box
    return frame[top:bottom, left:right]


def test_an_mp4_reads_back_with_the_same_frames(tmp_path: Path) -> None:
    written = moving_square(12)
    path = write_video(tmp_path / "new" / "a.mp4", iter(written), fps=10)
    read = iio.imread(path, plugin="pyav")
    assert read.shape == (12, 48, 64, 3)
    assert np.abs(read.astype(int) - np.stack(written)).mean() < 4  # in order and in colour, as far as a lossy codec goes
    metadata = iio.immeta(path, plugin="pyav")
    assert (metadata["codec"], metadata["video_format"], metadata["fps"]) == ("h264", "yuv420p", 10)
    assert [file.name for file in path.parent.iterdir()] == ["a.mp4"]


def test_a_gif_reads_back_with_every_other_frame_at_half_the_pace(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "a.gif", iter(moving_square(12)), fps=20, width=32, every=2)
    with Image.open(path) as image:
        assert (image.size, image.info["duration"], image.info["loop"]) == ((32, 24), 100, 0)
    assert len(iio.imread(path)) == 6


def test_a_gif_keeps_the_colour_of_a_small_tick(tmp_path: Path) -> None:
    """A large ground and a shaded scene took the whole palette once, and the green mark of a goal reached came out blue."""
    rows, columns = np.indices((64, 64))
    scene = np.full((64, 64, 3), 28, np.uint8)
    scene[20:40] = np.stack([rows, 2 * columns, 4 * columns], axis=-1)[20:40]
    frame = frames(scenes=[scene] * 4, goal=scene, success=[False] * 4)[0]
    path = write_gif(tmp_path / "a.gif", [frame], fps=10, width=video.WIDTH)
    with Image.open(path) as image:
        shown = np.array(image.convert("RGB"))[(frame == video.REACHED).all(axis=-1)]
    assert len(shown) > 200
    assert np.abs(shown.astype(int) - video.REACHED).max() == 0  # by median cut alone up to 101


@pytest.mark.parametrize(("write", "name"), [(write_video, "a.mp4"), (write_gif, "a.gif")])
def test_a_path_that_cannot_be_written_is_said_in_one_line(write: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / name).mkdir()
    for path in (tmp_path / "file" / name, tmp_path / name):
        with pytest.raises(OSError, match=f"^cannot write .*{name}: [^\n]+$"):
            write(path, moving_square(2), fps=10)
    with pytest.raises(ValueError, match=r"must end in \.(mp4|gif), got 'a.txt'"):
        write(tmp_path / "a.txt", moving_square(2), fps=10)


@pytest.mark.parametrize(("write", "name"), [(write_video, "a.mp4"), (write_gif, "a.gif")])
def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(write: Any, name: str, tmp_path: Path) -> None:
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


def test_an_episode_is_a_frame_for_each_state_and_the_verdict_for_a_second() -> None:
    shown = frames()
    assert len(shown) == 4 + 10
    assert all(frame.shape == (video.HEIGHT, video.WIDTH, 3) and frame.dtype == np.uint8 for frame in shown)
    assert not np.array_equal(shown[3], shown[4])
    assert all(np.array_equal(frame, shown[4]) for frame in shown[5:])
    assert len(list(compose_episode(episode(), hold=0.3))) == 4 + 3


def test_the_plan_is_drawn_where_it_was_projected() -> None:
    with_plan, without = frames()[0], frames(plans=[])[0]
    size, (left, top) = video.PICTURE, video.ROBOT
    first, second = (left + size // 4, top + 3 * size // 4), (left + size // 2, top + size // 2)
    assert tuple(with_plan[first[1], first[0]]) == video.PLAN  # the nearest future is drawn in full
    faded = with_plan[second[1], second[0]].astype(int)
    assert 40 + 30 < faded[0] < video.PLAN[0] - 30  # the far future is fainter, above the grey scene
    rows, columns = np.nonzero((with_plan != without).any(axis=-1)[top : top + size, left : left + size])
    assert (columns.min(), columns.max()) == pytest.approx((size / 4 - 5, size / 2 + 5), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx((size / 2 - 5, 3 * size / 4 + 5), abs=2)


def test_a_plan_that_leaves_the_scene_or_is_not_finite_is_cut_off() -> None:
    wild = np.array([[0.5, 0.5], [np.nan, 0.2], [1.4, 0.5], [1e6, -1e6]])
    shown, without = frames(plans=[wild])[0], frames(plans=[])[0]
    size, (left, top) = video.PICTURE, video.ROBOT
    changed = (shown != without).any(axis=-1)
    assert changed[top + size // 2, left + size - 10]  # the line to the point outside
    assert not changed[:, left + size :].any()
    assert not changed[:top].any()


def test_the_goal_is_ringed_where_it_was_projected() -> None:
    shown, without = frames(goal_point=np.array([0.75, 0.25]))[0], frames()[0]
    centre = (video.ROBOT[0] + 0.75 * video.PICTURE, video.ROBOT[1] + 0.25 * video.PICTURE)
    rows, columns = np.nonzero((shown != without).any(axis=-1)[: video.ROBOT[1] + video.PICTURE])
    assert ((columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2) == pytest.approx(centre, abs=0.6)


def test_the_verdict_is_that_of_the_last_state_in_words_and_colour() -> None:
    reached, missed = frames()[-1], frames(success=[True, True, True, False])[-1]
    for frame, colour in ((reached, video.REACHED), (missed, video.MISSED)):
        chip = region(frame, video.VERDICT)
        assert (chip == colour).all(axis=-1).mean() > 0.7
    text = (video.VERDICT[0] + 50, *video.VERDICT[1:])
    inked = [(region(frame, text).max(axis=-1) < 60).sum() for frame in (reached, missed)]
    assert 200 < inked[0] < inked[1]  # "not reached" is the longer word


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({"title": "pointmaze"}, (0, 0, 480, 50)),
        ({"index": 3}, (480, 0, 960, 50)),
        ({"distances": [0.9, 0.2, 0.1, 0.0]}, video.PLOT),
        ({"unit": "rad"}, (22, 540, 470, 566)),
        ({"control_period": 0.2}, (490, 505, 960, 545)),
        ({"earlier": (False,)}, (490, 625, 960, 670)),
        ({"goal": SCENE + 100}, (490, 52, 938, 500)),
        ({"scenes": [SCENE + 100] * 4}, (22, 52, 470, 500)),
    ],
)
def test_each_input_is_seen_at_its_place(changes: dict[str, Any], box: tuple[int, int, int, int]) -> None:
    assert not np.array_equal(region(frames(**changes)[1], box), region(frames()[1], box))


def test_the_curve_grows_to_the_present_distance() -> None:
    left, top, right, bottom = video.PLOT
    first, last = (region(frames()[i], video.PLOT) for i in (0, 3))
    blue = [(picture == video.CURVE).all(axis=-1).any(axis=0).nonzero()[0].max() for picture in (first, last)]
    assert blue[0] < 6
    assert blue[1] > right - left - 6
    row = (first == video.CURVE).all(axis=-1).nonzero()[0].mean()
    assert row == pytest.approx((1 - 0.3 / 0.4) * (bottom - top), abs=1)  # 0.3 m on an axis that ends at 0.4 m


def test_a_long_title_leaves_room_for_the_goals_number() -> None:
    long, short = frames(title="a very long name " * 20)[0], frames()[0]
    assert np.array_equal(region(long, (830, 0, 960, 50)), region(short, (830, 0, 960, 50)))


def test_an_episode_that_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="got 4, 3, 4 and 4"):
        episode(distances=[0.3, 0.2, 0.1])
    with pytest.raises(ValueError, match="no more plans"):
        episode(plans=[np.zeros((1, 2))] * 5)
    with pytest.raises(ValueError, match="within 1 and total 3, got 4"):
        episode(index=4)
