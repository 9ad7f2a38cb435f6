"""What nothing moves or touches is no part of the state; what could be moved is."""

import mujoco
import pytest

from latent_mpc.envs.adapters.markers import marker_trees

SCENE = """<mujoco><option gravity="{gravity}"/><worldbody><geom type="plane" size="2 2 .1"/>
  <body pos="0 0 .1"><joint name="x" type="slide" axis="1 0 0"/><geom name="a" size=".05"/></body>
  <body name="other" pos="{place}"><joint name="y" type="slide" axis="{axis}" {joint}/><geom size=".05" {geom}/></body>
</worldbody><actuator><motor joint="x"/>{more}</actuator>{tail}</mujoco>"""
GHOST = 'contype="0" conaffinity="0"'


@pytest.mark.parametrize(
    ("change", "marker"),
    [
        ({}, True),
        ({"geom": ""}, False),  # can be pushed
        ({"axis": "0 0 1"}, False),  # falls
        ({"axis": "0 0 1", "gravity": "0 0 0"}, True),
        ({"joint": 'stiffness="1"'}, False),  # a spring
        ({"more": '<motor joint="y"/>'}, False),  # is driven
        # is tied to what is driven
        ({"tail": '<equality><joint joint1="x" joint2="y"/></equality>'}, False),
        (
            {"tail": '<contact><pair geom1="a" geom2="b"/></contact>', "geom": f'{GHOST} name="b"'},
            False,
        ),  # may touch
    ],
)
def test_a_marker_is_what_nothing_moves_or_touches(change, marker):
    fields = {
        "gravity": "0 0 -9.81",
        "place": "1 0 1",
        "axis": "0 1 0",
        "joint": "",
        "geom": GHOST,
        "more": "",
        "tail": "",
        **change,
    }
    model = mujoco.MjModel.from_xml_string(SCENE.format(**fields))
    assert marker_trees(model, set()) == ({1} if marker else set())
    assert marker_trees(model, {1}) == set(), "what has to come to the goal is none"
