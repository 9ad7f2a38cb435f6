"""A model's files are those that MuJoCo reads: wherever they lie, a copy stands alone, and a change
of any of them is noticed.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import mujoco
import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.mjcf_files import files_of, read_model
from latent_mpc.envs.task import Task
from tests.envs.mjcf_layouts import (
    ARM,
    FLEX,
    INCLUDE,
    LAYOUTS,
    LINK,
    MESH,
    MOTOR,
    OBJ,
    mjcf,
    robot,
    world,
    write,
)

LENIENT = {  # what MuJoCo's parser takes and Python's does not
    "dashes in a comment": b"<mujoco><!-- ---- arm ---- -->%s</mujoco>",
    "Latin-1 in a comment": b'<?xml version="1.0"?>\n<mujoco><!-- 90\xb0 -->%s</mujoco>',
    "an unbound prefix": b'<mujoco xsi:noNamespaceSchemaLocation="mjcf.xsd">%s</mujoco>',
    "an empty line before the declaration": b'\n<?xml version="1.0"?>\n<mujoco>%s</mujoco>',
    "a byte order mark": b"\xef\xbb\xbf<mujoco>%s</mujoco>",
    "a comment after the root": b"<mujoco>%s</mujoco><!-- end -->",
}
PLAIN = robot("", LINK.format(""))


def make(xml: Path) -> Task:
    """The task, with all chosen that would otherwise be probed."""
    model = mujoco.MjModel.from_xml_path(str(xml.absolute()))
    success = [f"{model.joint(model.actuator_trnid[0, 0]).name}:0.2"]
    return registry.make(
        "mjcf",
        xml=str(xml),
        success=success,
        control_period=0.1,
        episode_steps=20,
        camera="view:0:0:0.4:2:90:-20",
    )


def fingerprint(xml: Path) -> str:
    return files_of(str(xml), read_model(str(xml))).fingerprint()


def weights(model: mujoco.MjModel) -> list[np.ndarray]:
    return [
        model.body_mass,
        model.body_inertia,
        model.mesh_vert,
        model.hfield_data,
        model.tex_data,
        model.skin_vert,
        model.flex_vert,
    ]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_copy_is_the_same_model_after_the_originals_are_gone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    xml, run = write(tmp_path, LAYOUTS[name]), tmp_path / "run"
    task = make(xml)
    kept = run / task.keep(run)["xml"]
    names = [Path(each).name for each in LAYOUTS[name] if not each.startswith("!")]
    assert sorted(path.name for path in run.rglob("*") if path.is_file()) == sorted(names)
    shutil.rmtree(tmp_path / "up")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = registry.make("mjcf", **task.settings() | {"xml": str(kept)})
    for before, after in zip(weights(task.model), weights(again.model), strict=True):
        np.testing.assert_array_equal(before, after)
    assert again.keep(run) == {"xml": str(kept.relative_to(run))}  # onto itself: nothing happens


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_change_of_any_file_that_is_read_is_noticed_and_of_no_other(
    name: str, tmp_path: Path
) -> None:
    before = fingerprint(xml := write(tmp_path, LAYOUTS[name]))
    for each in LAYOUTS[name]:
        path = xml.parent / each.removeprefix("!")
        content = path.read_bytes()
        path.write_bytes(changed(path.suffix.lower(), content))
        assert (fingerprint(xml) == before) == each.startswith("!"), each
        path.write_bytes(content)
    assert fingerprint(xml) == before


def changed(suffix: str, content: bytes) -> bytes:
    """Another content that MuJoCo reads as well."""
    if suffix == ".obj":
        return content.replace(b"v 0 0 ", b"v 0 0.01 ")
    return (
        content + (b"\0" if suffix == ".png" else b"<!-- -->")
        if suffix != ".skn"
        else content[:16] + b"\1" + content[17:]
    )


@pytest.mark.parametrize("name", LENIENT)
def test_what_mujoco_reads_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "robot.xml").write_bytes(
        LENIENT[name] % PLAIN.removeprefix("<mujoco>").removesuffix("</mujoco>").encode()
    )
    try:
        mujoco.MjModel.from_xml_path(str(tmp_path / "robot.xml"))
    except ValueError:  # of some versions: theirs is the word
        with pytest.raises(ValueError, match="robot.xml is no model: "):
            registry.make("mjcf", xml=str(tmp_path / "robot.xml"))
    else:
        assert make(tmp_path / "robot.xml").model.nu == 1


def test_the_fingerprint_of_a_file_alone_is_its_checksum(tmp_path: Path) -> None:
    assert (
        fingerprint(write(tmp_path, {"robot.xml": PLAIN}))
        == hashlib.sha256(PLAIN.encode()).hexdigest()[:16]
    )


def test_a_relative_path_with_a_folder_is_as_good_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    xml = write(tmp_path, LAYOUTS["an include of an include in another folder"])
    monkeypatch.chdir(tmp_path)
    by_path = make(xml.relative_to(tmp_path))
    assert by_path.settings()["fingerprint"] == fingerprint(xml)


@pytest.mark.parametrize(
    "layout",
    [
        {"robot.xml": robot(MESH.format("{}/m.obj"))},
        {"robot.xml": robot('<compiler meshdir="{}"/>' + MESH.format("m.obj"))},
        {"robot.xml": mjcf(INCLUDE.format("{}/arm.xml"), MOTOR)},
        {
            "robot.xml": mjcf(INCLUDE.format("arm.xml"), MOTOR),
            "arm.xml": mjcf(MESH.format("{}/m.obj"), world(ARM)),
        },
    ],
)
def test_files_named_by_an_absolute_path_are_refused(
    layout: dict[str, str], tmp_path: Path
) -> None:
    (cad := tmp_path / "cad").mkdir()
    (cad / "m.obj").write_text(OBJ)
    (cad / "arm.xml").write_text(mjcf(world(LINK.format(""))))
    xml = write(tmp_path, {name: text.format(cad) for name, text in layout.items()})
    with pytest.raises(
        ValueError,
        match=(
            f"robot.xml must name its files relative to itself, got '{cad}/.*'; a checkpoint keeps"
        ),
    ) as caught:
        registry.make("mjcf", xml=str(xml))
    assert "\n" not in str(caught.value)


def test_an_absolute_path_that_is_stripped_counts_for_nothing_even_where_there_is_such_a_file(
    tmp_path: Path,
) -> None:
    (tmp_path / "cad").mkdir()
    cad = tmp_path / "cad" / "m.obj"
    cad.write_text("no mesh")
    head = '<compiler strippath="true" meshdir="meshes"/>' + MESH.format(cad)
    xml = write(tmp_path, {"robot.xml": robot(head), "meshes/m.obj": OBJ})
    before = fingerprint(xml)
    cad.write_text("no mesh either")
    assert fingerprint(xml) == before


def test_a_way_up_to_the_root_and_down_again_leads_into_the_copy(tmp_path: Path) -> None:
    up = "../" * len((tmp_path / "up" / "here").relative_to(tmp_path.anchor).parts)
    name = f"{up}{(tmp_path / 'cloth.obj').relative_to(tmp_path.anchor)}"
    (tmp_path / "cloth.obj").write_text(OBJ)
    xml = write(tmp_path, {"robot.xml": robot("", LINK.format("") + FLEX.format(name))})
    assert files_of(str(xml), read_model(str(xml))).paths == (xml, tmp_path / "cloth.obj")


def test_a_copy_that_is_another_model_is_refused(tmp_path: Path) -> None:
    xml, other = (write(tmp_path / name, LAYOUTS[name]) for name in ("a backslash", "a skin"))
    with pytest.raises(
        ValueError,
        match=(
            "robot.xml must be the same model as its copy, .* but the copy differs; place all files"
        ),
    ):
        files_of(str(xml), read_model(str(other)))


def test_names_that_begin_with_a_slash_are_names(tmp_path: Path) -> None:
    assert make(write(tmp_path, {"robot.xml": PLAIN.replace('"j"', '"/arm/j"')})).model.joint(
        "/arm/j"
    )


def test_a_mesh_written_anew_within_a_second_is_read(tmp_path: Path) -> None:
    xml = write(tmp_path, LAYOUTS["a backslash"])
    small = make(xml).model.body_mass.sum()
    (xml.parent / "meshes" / "m.obj").write_text(OBJ.replace(".2", ".4"))
    assert make(xml).model.body_mass.sum() == pytest.approx(8 * small)


def test_another_model_than_that_of_the_fingerprint_is_refused(tmp_path: Path) -> None:
    xml = write(tmp_path, LAYOUTS["a backslash"])
    settings = make(xml).settings()
    (xml.parent / "meshes" / "m.obj").write_text(OBJ.replace(".2", ".4"))
    message = (
        f"robot.xml must be the model of fingerprint {settings['fingerprint']}, it has .*: its"
        " files were changed since"
    )
    with pytest.raises(ValueError, match=message):
        registry.make("mjcf", **settings)


def test_a_model_that_is_changed_while_a_run_begins_is_refused(tmp_path: Path) -> None:
    task = make(xml := write(tmp_path, LAYOUTS["a backslash"]))
    xml.write_text(xml.read_text().replace("90", "80"))
    with pytest.raises(
        ValueError,
        match=(
            "robot.xml must stay as it is while a run begins, but its files were changed since;"
            " start"
        ),
    ):
        task.keep(tmp_path / "run")


def test_a_compiled_model_is_a_task_too(tmp_path: Path) -> None:
    xml = write(tmp_path, LAYOUTS["a backslash"])
    model = mujoco.MjModel.from_xml_path(str(xml))
    mujoco.mj_saveModel(model, str(tmp_path / "robot.mjb"))
    task = registry.make("mjcf", xml=str(tmp_path / "robot.mjb"))
    assert task.keep(tmp_path / "run") == {"xml": "mjcf/robot.mjb"}
    np.testing.assert_array_equal(task.model.mesh_vert, model.mesh_vert)
    (tmp_path / "robot.mjb").write_bytes(b"of another version")
    with pytest.raises(
        ValueError,
        match=r"robot.mjb is no model: .*; MuJoCo \S+ loads only what it compiled itself",
    ):
        registry.make("mjcf", xml=str(tmp_path / "robot.mjb"))


def test_a_urdf_alone_is_refused_with_what_makes_it_a_task(tmp_path: Path) -> None:
    layout = LAYOUTS["a URDF attached"]
    xml = write(tmp_path, layout)
    with pytest.raises(
        ValueError,
        match=r"arm.urdf has no actuators, .*; a URDF has none, so attach it in an MJCF file",
    ) as caught:
        registry.make("mjcf", xml=str(xml.with_name("arm.urdf")))
    asset, _, attach = str(caught.value).partition("section: ")[2].partition(" and ")
    xml.write_text(mjcf(asset, attach, MOTOR.replace('"j"', '"my_j"')))
    assert make(xml).model.nu == 1


@pytest.mark.parametrize("name", ["robot.xml", "scene.xml"])
def test_a_mesh_that_is_missing_is_named_by_the_place_where_it_would_be(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "robot.xml").write_text(
        '<mujoco><compiler meshdir="assets"/><asset><mesh name="a" file="sub/x.obj"/></asset>'
        '<worldbody><body><geom type="mesh" mesh="a"/></body></worldbody></mujoco>'
    )
    (tmp_path / "scene.xml").write_text('<mujoco><include file="robot.xml"/></mujoco>')
    place = tmp_path / "assets" / "sub" / "x.obj"
    with pytest.raises(ValueError) as refused:
        read_model(str(tmp_path / name))
    assert str(refused.value) == (
        f"{tmp_path / name} is no model: it names {place}, which is not there"
    )
