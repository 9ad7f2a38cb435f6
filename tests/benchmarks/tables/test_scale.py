"""The model behind docs/scale.md against hand arithmetic, and the page against the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.tables import scale, scale_page

N = {
    "collect_pixels": 100.0,
    "frame_pixels": 10.0,
    "disk": 5000.0,
    "batch": 4.0,
    "update_pixels": 1.1,
    "serial": 0.1,
    "parameters_pixels": 250.0,  # 1 000 bytes
    "network": 10_000.0,
    "latency": 0.01,
    "shard": 25.0,
    "decide": 0.01,
    "start": 1.0,
}


def test_frames_grow_with_the_workers_until_one_writer_is_full_and_with_the_folders_beyond() -> (
    None
):
    assert scale.collecting(N, "pixels", 5) == (500, "simulation")
    assert scale.collecting(N, "pixels", 8) == (500, "one writer")
    assert scale.collecting(N, "pixels", 8, folders=2) == (800, "simulation")


def test_an_update_is_its_share_of_the_arithmetic_and_what_the_ranks_send() -> None:
    assert scale.training(N, "pixels", 1) == (pytest.approx(1 / 1.1), "arithmetic")
    # 0.1 alike + 1 / 2 + 2 x 1 / 2 x 1 000 / 10 000 + 2 x 0.01
    assert scale.training(N, "pixels", 2) == (pytest.approx(1 / 0.72), "arithmetic")
    # four windows: a fifth rank has none; 0.1 + 1 / 4 + 0.15 + 0.06
    assert scale.training(N, "pixels", 5) == (pytest.approx(1 / 0.56), "windows of a batch")
    slow = {**N, "network": 1000.0}
    assert scale.training(slow, "pixels", 4).limit == "gradients on the network"


def test_an_evaluation_has_no_more_parts_than_shards() -> None:
    # 25 pairs x 60 steps x 0.01 s a shard
    assert scale.evaluating(N, 100, 1) == (60, "decisions")
    assert scale.evaluating(N, 100, 2) == (31, "decisions")
    assert scale.evaluating(N, 100, 8) == (16, "shards of 25")


def test_every_number_says_what_kind_it_is_and_where_it_comes_from() -> None:
    for name, told in scale.numbers().items():
        assert told.keys() == {"value", "unit", "kind", "from"}, name
        assert told["kind"] in ("measured", "reckoned", "assumed"), name
        assert told["value"] > 0 and told["from"], name


def test_the_page_is_what_the_model_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (scale.ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(scale, "ROOT", tmp_path)
    scale.main()
    assert (tmp_path / "docs" / "scale.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("seconds", "shown"), [(40.06, "40.1 s"), (180, "3 min"), (7200, "2 h"), (9 * 86400, "9 days")]
)
def test_a_duration_is_in_the_largest_unit_of_which_there_are_two(seconds, shown) -> None:
    assert scale_page.duration(seconds) == shown
