"""Which joints and trees actuators move, whatever lever arms they have where a model begins."""

from __future__ import annotations

import pytest

from latent_mpc.envs.adapters.driven import driven_joints, driven_trees
from latent_mpc.envs.adapters.joints import joint_names
from tests.envs.adapters import robots
from tests.envs.adapters.robots import arm, model_of


@pytest.mark.parametrize(
    ("actuator", "driven"),
    [
        ('<motor jointinparent="b"/>', "b"),
        ('<motor site="s" gear="1 0 0 0 0 0"/>', "a b"),
        ('<motor site="s" refsite="r" gear="1 0 0 0 0 0"/>', "b"),
        ('<motor cranksite="s" slidersite="r" cranklength="1"/>', "b"),
        ('<adhesion body="fore" ctrlrange="0 1"/>', "a b"),
        ('<motor tendon="fixed"/>', "a"),
    ],
)
def test_every_transmission_drives_the_joints_that_it_spans(actuator, driven):
    bodies = arm('<site name="s"/>').replace(
        '<body name="fore"', '<site name="r"/><body name="fore"'
    )
    tendon = '<tendon><fixed name="fixed"><joint joint="a" coef="1"/></fixed></tendon>'
    model = model_of(bodies, tail=f"{tendon}<actuator>{actuator}</actuator>")
    assert " ".join(joint_names(model)[j] for j in sorted(driven_joints(model))) == driven


def test_a_rope_without_a_lever_arm_moves_a_robot_and_nothing_else_is_one():
    cube = robots.CUBE.format("cube", 1)
    assert driven_trees(model_of(cube + robots.ROPE, tail=robots.ROPED)) == {1}
    assert driven_trees(model_of(cube + arm())) == set()
