"""Joints that must swing themselves up are known, and are given the time."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from latent_mpc.envs import registry
from latent_mpc.envs.adapters.swings import MARGIN, swing_time

POLE = """<mujoco><option timestep="0.02"/><worldbody><body pos="0 0 .6">
<joint name="hinge" axis="0 1 0" damping="0.1" {limits}/>
<geom type="sphere" pos="0 0 .5" size=".05" mass="1"/></body></worldbody>
<actuator><motor joint="hinge" gear="{gear}" ctrlrange="-1 1"/></actuator></mujoco>"""


def model(gear: float, limits: str = "") -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(POLE.format(gear=gear, limits=limits))


def time_of_the_best_swings(gear: float) -> float:
    """Pushing with the motion, from hanging until it stands [s]."""
    swung = model(gear)
    data = mujoco.MjData(swung)
    data.qpos[0] = np.pi
    while np.cos(data.qpos[0]) < 0.98:
        data.ctrl[0] = 1 if data.qvel[0] >= 0 else -1
        mujoco.mj_step(swung, data)
    return float(data.time)


@pytest.mark.parametrize("gear", [1.0, 2.0])
def test_the_time_is_some_more_than_the_best_swings_take(gear: float) -> None:
    best, told = time_of_the_best_swings(gear), swing_time(model(gear), [0])
    assert best < told < 2.5 * MARGIN * best


def test_what_an_actuator_lifts_needs_no_swings() -> None:
    assert swing_time(model(5.0), [0]) == 0.0
    assert swing_time(model(0.0), [0]) == 0.0  # and what none moves gets none
    assert swing_time(model(1.0, 'range="170 190" limited="true"'), [0]) == 0.0
    assert swing_time(model(1.0), []) == 0.0


def test_episodes_are_as_long_as_swinging_up_takes(tmp_path: Path) -> None:
    (tmp_path / "pole.xml").write_text(POLE.format(gear=1, limits=""))
    task = registry.make("mjcf", xml=str(tmp_path / "pole.xml"), camera="view:0:0:1:2:90:0")
    settings = task.settings()
    assert settings["episode_steps"] * settings["control_period"] >= swing_time(model(1), [0])
    assert settings["episode_steps"] <= 120
