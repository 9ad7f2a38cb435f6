"""The table of public robots: rows of what runs and of what is refused, judged while it is true."""

from __future__ import annotations

import yaml

from benchmarks.tables.robots import FOLDERS, JUDGED, Model, files, measure, measure_apart
from benchmarks.tables.robots_page import HEAD, page
from tests.envs.adapters.robots import arm, link

MODEL = "<mujoco><worldbody>{}</worldbody>{}</mujoco>"
MOTORS = '<actuator><motor joint="a" gear="5" ctrlrange="-1 1"/><motor joint="b" gear="5" ctrlrange="-1 1"/></actuator>'


def test_a_model_that_runs_and_one_that_is_refused_have_a_row_each(tmp_path):
    damped = arm().replace("<joint", '<joint damping="1"')
    (tmp_path / "arms").mkdir()
    (tmp_path / "arms" / "arm.xml").write_text(MODEL.format(damped, MOTORS))
    (tmp_path / "arms" / "part.xml").write_text(MODEL.format(link("rod", ""), ""))
    (tmp_path / "broken.xml").write_text(MODEL.format("<bdy/>", MOTORS))
    found = list(files([tmp_path]))
    assert [model.name for model in found] == ["arms/arm.xml", "broken.xml"]
    judged = {"arms/arm.xml": {"goal": "body:fore:0.02", "meant": "yes"}}
    runs, refused = (measure(model, judged) for model in found)
    assert runs[:3] == ("arms/arm.xml", "tool fore", "body:fore:0.02")
    assert runs.step.endswith(" s") and 20 <= int(runs.episode) <= 60
    assert runs.meant == "yes"
    assert refused.goal.startswith("refused: broken.xml is no model: XML Error")
    assert str(tmp_path) not in page([runs, refused])
    assert measure(found[0], {"arms/arm.xml": {"goal": "another", "meant": "yes"}}).meant == ""


def test_the_page_has_a_cell_for_each_column_and_the_judgements_can_be_read():
    columns = HEAD.splitlines()[-1].count("|")
    rows = [
        ("a", "", "c|d", "e", "f", ""),
        ("b", "", "refused: why", "", "", ""),
        ("a-dense", "", "c|d", "e", "f", "yes"),
    ]
    *_, first, second, _, share = page(rows).splitlines()
    assert first == "| a, a-dense | - | c/d | e | f | yes |"
    assert second == "| b | - | refused: why | - | - | - |"
    assert share == "As meant: 2 of 2 judged, of 2 models that are not refused."
    assert columns == 7
    judged = yaml.safe_load(JUDGED.read_text(encoding="utf-8"))
    assert all(set(entry) == {"goal", "meant"} for entry in judged.values())


def test_a_package_that_ends_its_process_costs_its_own_row_only():
    aborts = measure_apart(
        Model("x", "gymnasium", {"id": "tests.benchmarks.tables.aborts:X-v0"}), {}
    )
    assert aborts.goal == "refused: its package ends the process"


def test_no_folder_of_the_machine_is_in_a_refusal():
    said = "ValueError (/a/b-1/lib/python3.11/site-packages/x/y.py:54); see https://a.b/c/d, 3/4"
    assert FOLDERS.sub("", said) == "ValueError (y.py:54); see https://a.b/c/d, 3/4"
