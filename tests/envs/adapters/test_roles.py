"""What each body is for, by the structure of small models."""

from __future__ import annotations

import mujoco
import pytest

from latent_mpc.envs.adapters.joints import joint_names
from latent_mpc.envs.adapters.places import body_names
from latent_mpc.envs.adapters.roles import read_roles
from tests.envs.adapters import robots
from tests.envs.adapters.robots import arm, hinge, link, model_of, slide


def roles_of(model: mujoco.MjModel) -> dict[str, str]:
    """By their names; of the tools those that carry a gripper with a star."""
    roles, bodies, joints = read_roles(model), body_names(model), joint_names(model)
    named = {
        "driven": [joints[j] for j in roles.driven],
        "passive": [joints[j] for j in roles.passive],
        "bases": [bodies[b] for b in roles.bases],
        "tools": [bodies[tool.body] + "*" * tool.carries for tool in roles.tools],
        "objects": [bodies[b] for b in roles.objects],
        "markers": [bodies[b] for b in roles.markers],
    }
    return {role: " ".join(names) for role, names in named.items() if names}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (model_of(robots.PLANAR, "hip"), {"driven": "hip", "bases": "trunk"}),
        (
            model_of(robots.FLOOR + robots.QUADRUPED, "hip0 hip1 hip2 hip3"),
            {"driven": "hip0 hip1 hip2 hip3", "bases": "trunk"},
        ),
        (
            model_of(robots.CARTPOLE, "slider"),
            {"driven": "slider", "passive": "hinge"},
        ),
        # a pole that nothing drives, above a driven one, does not travel
        (model_of(arm(), "b"), {"driven": "b", "passive": "a", "tools": "fore"}),
        (model_of(arm(), "a b"), {"driven": "a b", "tools": "fore"}),
        (
            model_of(arm(robots.GRIPPER.format("")), "a b finger0 finger1"),
            {"driven": "a b finger0 finger1", "tools": "palm*"},
        ),
        (
            model_of(arm(robots.JAW), "a b w Jaw"),
            {"driven": "a b w Jaw", "tools": "wrist*"},
        ),
        (
            model_of(arm(robots.HAND), "a b knuckle0 knuckle1 knuckle2"),
            {"driven": "a b knuckle0 knuckle1 knuckle2"},
        ),
        (  # a gripper alone
            model_of(robots.GRIPPER.format(""), "finger0 finger1"),
            {"driven": "finger0 finger1"},
        ),
        (
            model_of(arm(prefix="l_") + arm(prefix="r_", at="0 1 1"), "l_a l_b r_a r_b"),
            {"driven": "l_a l_b r_a r_b", "tools": "l_fore r_fore"},
        ),
        (
            model_of(arm() + robots.SPINNER + robots.GHOST, "a b"),
            {"driven": "a b", "tools": "fore", "objects": "spinner", "markers": "ghost"},
        ),
        (
            model_of(robots.ROPE, tail=robots.ROPED),
            {"driven": "arm"},
        ),
        (
            model_of(robots.DRONE, tail=robots.THRUST),
            {"driven": "joint0", "bases": "drone"},
        ),
        (
            model_of(arm() + robots.MOCAP, tail=robots.WELD),
            {"driven": "a b", "tools": "fore"},
        ),
    ],
)
def test_roles_follow_from_the_structure(model, expected):
    assert roles_of(model) == expected


def test_fingers_that_follow_one_another_are_a_gripper_and_none_is_passive():
    coupling = '<equality><joint joint1="finger0" joint2="finger1"/></equality>'
    model = model_of(arm(robots.GRIPPER.format("")), "a b finger0", tail=coupling)
    assert roles_of(model) == {"driven": "a b finger0", "tools": "palm*"}


def test_an_object_that_is_tied_to_the_robot_or_cannot_touch_it_is_none():
    tie = '<equality><weld body1="fore" body2="cube"/></equality>'
    cube = robots.CUBE.format("cube", 1)
    assert roles_of(model_of(arm() + cube, "a b"))["objects"] == "cube"
    assert "objects" not in roles_of(model_of(arm() + cube, "a b", tail=tie))
    apart = cube.replace("<geom", '<geom contype="2" conaffinity="2"')
    assert "objects" not in roles_of(model_of(arm() + apart, "a b"))


def test_fingers_on_one_palm_that_stands_still_are_a_hand_and_long_arms_are_not():
    def chain(prefix: str, count: int) -> str:
        inner = ""
        for i in reversed(range(count)):
            inner = link(f"{prefix}{i}", hinge(f"{prefix}j{i}"), inner, 0.1, ".1 0 0")
        return inner

    def on_one_body(count: int) -> mujoco.MjModel:
        joints = " ".join(f"{p}j{i}" for p in "lr" for i in range(count))
        body = f'<body name="torso"><geom size=".1"/>{chain("l", count)}{chain("r", count)}</body>'
        return model_of(body, joints)

    assert "tools" not in roles_of(on_one_body(3))
    assert roles_of(on_one_body(6))["tools"] == "l5 r5"


def test_a_closed_loop_has_no_tool():
    loop = '<equality><connect body1="fore" body2="world" anchor=".4 0 0"/></equality>'
    assert "tools" not in roles_of(model_of(arm(), "a b", tail=loop))


def test_a_body_without_a_name_has_a_number_told_from_given_names():
    model = model_of(
        f'<body><joint/><geom size=".1"/></body><body name="body1">{slide("s", "1 0 0")}<geom size=".1"/></body>'
    )
    assert body_names(model) == ["world", "body1_", "body1"]
