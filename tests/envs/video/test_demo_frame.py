"""The demo's frame shows what it was given, where it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from latent_mpc.envs.video import demo_frame, demo_plot, drawing
from latent_mpc.envs.video.demo_frame import Episode, compose_episode
from latent_mpc.envs.video.encode import write_gif

SCENE = np.full((64, 64, 3), 40, np.uint8)


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


def test_an_episode_is_a_frame_for_each_state_and_the_verdict_for_a_second() -> None:
    shown = frames()
    assert len(shown) == 4 + 10
    assert all(
        frame.shape == (demo_frame.HEIGHT, demo_frame.WIDTH, 3) and frame.dtype == np.uint8
        for frame in shown
    )
    assert not np.array_equal(shown[3], shown[4])
    assert all(np.array_equal(frame, shown[4]) for frame in shown[5:])
    assert len(list(compose_episode(episode(), hold=0.3))) == 4 + 3


def test_the_plan_is_drawn_where_it_was_projected() -> None:
    with_plan, without = frames()[0], frames(plans=[])[0]
    size, (left, top) = demo_frame.PICTURE, demo_frame.ROBOT
    first, second = (left + size // 4, top + 3 * size // 4), (left + size // 2, top + size // 2)
    # the nearest future is drawn in full
    assert tuple(with_plan[first[1], first[0]]) == drawing.PLAN
    faded = with_plan[second[1], second[0]].astype(int)
    # the far future is fainter, above the grey scene
    assert 40 + 30 < faded[0] < drawing.PLAN[0] - 30
    rows, columns = np.nonzero(
        (with_plan != without).any(axis=-1)[top : top + size, left : left + size]
    )
    assert (columns.min(), columns.max()) == pytest.approx((size / 4 - 5, size / 2 + 5), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx((size / 2 - 5, 3 * size / 4 + 5), abs=2)


def test_a_plan_that_leaves_the_scene_or_is_not_finite_is_cut_off() -> None:
    wild = np.array([[0.5, 0.5], [np.nan, 0.2], [1.4, 0.5], [1e6, -1e6]])
    shown, without = frames(plans=[wild])[0], frames(plans=[])[0]
    size, (left, top) = demo_frame.PICTURE, demo_frame.ROBOT
    changed = (shown != without).any(axis=-1)
    assert changed[top + size // 2, left + size - 10]  # the line to the point outside
    assert not changed[:, left + size :].any()
    assert not changed[:top].any()


def test_the_goal_is_ringed_where_it_was_projected() -> None:
    shown, without = frames(goal_point=np.array([0.75, 0.25]))[0], frames()[0]
    centre = (
        demo_frame.ROBOT[0] + 0.75 * demo_frame.PICTURE,
        demo_frame.ROBOT[1] + 0.25 * demo_frame.PICTURE,
    )
    rows, columns = np.nonzero(
        (shown != without).any(axis=-1)[: demo_frame.ROBOT[1] + demo_frame.PICTURE]
    )
    assert (
        (columns.min() + columns.max() + 1) / 2,
        (rows.min() + rows.max() + 1) / 2,
    ) == pytest.approx(centre, abs=0.6)


def test_the_verdict_is_that_of_the_last_state_in_words_and_colour() -> None:
    reached, missed = frames()[-1], frames(success=[True, True, True, False])[-1]
    for frame, colour in ((reached, drawing.REACHED), (missed, drawing.MISSED)):
        chip = region(frame, demo_frame.VERDICT)
        assert (chip == colour).all(axis=-1).mean() > 0.7
    text = (demo_frame.VERDICT[0] + 50, *demo_frame.VERDICT[1:])
    inked = [(region(frame, text).max(axis=-1) < 60).sum() for frame in (reached, missed)]
    assert 200 < inked[0] < inked[1]  # "not reached" is the longer word


@pytest.mark.parametrize(
    ("changes", "box"),
    [
        ({"title": "pointmaze"}, (0, 0, 480, 50)),
        ({"index": 3}, (480, 0, 960, 50)),
        ({"distances": [0.9, 0.2, 0.1, 0.0]}, demo_plot.PLOT),
        ({"unit": "rad"}, (22, 540, 470, 566)),
        ({"control_period": 0.2}, (490, 505, 960, 545)),
        ({"earlier": (False,)}, (490, 625, 960, 670)),
        ({"goal": SCENE + 100}, (490, 52, 938, 500)),
        ({"scenes": [SCENE + 100] * 4}, (22, 52, 470, 500)),
    ],
)
def test_each_input_is_seen_at_its_place(
    changes: dict[str, Any], box: tuple[int, int, int, int]
) -> None:
    assert not np.array_equal(region(frames(**changes)[1], box), region(frames()[1], box))


def test_the_curve_grows_to_the_present_distance() -> None:
    left, top, right, bottom = demo_plot.PLOT
    first, last = (region(frames()[i], demo_plot.PLOT) for i in (0, 3))
    blue = [
        (picture == drawing.CURVE).all(axis=-1).any(axis=0).nonzero()[0].max()
        for picture in (first, last)
    ]
    assert blue[0] < 6
    assert blue[1] > right - left - 6
    row = (first == drawing.CURVE).all(axis=-1).nonzero()[0].mean()
    # 0.3 m on an axis that ends at 0.4 m
    assert row == pytest.approx((1 - 0.3 / 0.4) * (bottom - top), abs=1)


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


def test_a_gif_keeps_the_colour_of_a_small_tick(tmp_path: Path) -> None:
    """A large ground and a shaded scene took the whole palette once, and the green mark of a goal
    reached came out blue.
    """
    rows, columns = np.indices((64, 64))
    scene = np.full((64, 64, 3), 28, np.uint8)
    scene[20:40] = np.stack([rows, 2 * columns, 4 * columns], axis=-1)[20:40]
    frame = frames(scenes=[scene] * 4, goal=scene, success=[False] * 4)[0]
    path = write_gif(tmp_path / "a.gif", [frame], fps=10, width=demo_frame.WIDTH)
    with Image.open(path) as image:
        shown = np.array(image.convert("RGB"))[(frame == drawing.REACHED).all(axis=-1)]
    assert len(shown) > 200
    assert np.abs(shown.astype(int) - drawing.REACHED).max() == 0  # by median cut alone up to 101
