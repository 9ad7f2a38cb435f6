"""What is there to balance has the upright pose of its model for a goal, and nothing else has."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.balance import balanced_goal
from latent_mpc.envs.adapters.coordinate_task import CoordinateTask
from latent_mpc.envs.adapters.roles import read_roles

CART = """<mujoco>{option}<worldbody><body><joint name="cart" type="slide" axis="1 0 0" range="-1 1"/>
<geom size=".1" contype="0" conaffinity="0"/><body><joint name="pole" axis="0 1 0" {spring}/>
<geom type="capsule" fromto="0 0 0 0 0 {up}" size=".03" contype="0" conaffinity="0"/></body></body></worldbody>
<actuator><motor joint="cart" gear="10" ctrlrange="-1 1"/></actuator></mujoco>"""
WEAK = """<mujoco><worldbody><body><joint name="hinge" axis="0 1 0" damping=".1"/>
<geom type="capsule" fromto="0 0 0 0 0 .5" size=".03" mass="1"/></body></worldbody>
<actuator><motor joint="hinge" gear="{gear}" ctrlrange="-1 1"/></actuator></mujoco>"""


def goal_of(xml: str) -> list[str]:
    model = mujoco.MjModel.from_xml_string(xml)
    return balanced_goal(model, read_roles(model))


def cart(up: str = ".5", spring: str = "", option: str = "") -> str:
    return CART.format(up=up, spring=spring, option=option)


@pytest.mark.parametrize(
    ("xml", "goal"),
    [
        (cart(), ["cart=0.0", "pole=0.0"]),
        (cart(up="-.5"), []),  # it hangs in its own pose
        (cart(spring='stiffness="99"'), []),  # a spring holds it up
        (cart(option='<option gravity="0 0 0"/>'), []),
        (WEAK.format(gear=0.5), ["hinge=0.0"]),  # 2.5 N m to lift it
        (WEAK.format(gear=9), []),
    ],
)
def test_what_stands_on_its_head_is_to_be_balanced(xml: str, goal: list[str]) -> None:
    assert goal_of(xml) == goal


def test_the_pose_is_the_goal_until_somebody_names_another(tmp_path: Path) -> None:
    path = tmp_path / "cart.xml"
    path.write_text(cart())
    task = registry.make("mjcf", xml=str(path))
    assert isinstance(task, CoordinateTask)
    assert [entry.split(":")[0] for entry in task.settings()["success"]] == ["cart", "pole"]
    goal = task.draw_start_and_goal(np.random.default_rng(0)).goal
    np.testing.assert_array_equal(task.qpos_qvel(goal)[0], [0, 0])
    assert "balanced, as the model itself stands" in " ".join(task.about())
    again = registry.make("mjcf", xml=str(path), **_chosen(task))
    assert again.settings() == task.settings()
    named = registry.make("mjcf", xml=str(path), success=["cart"])
    assert named.settings()["goals"] == []


def _chosen(task: CoordinateTask) -> dict[str, object]:
    return {key: task.settings()[key] for key in ("success", "goals", "control_period", "camera")}
