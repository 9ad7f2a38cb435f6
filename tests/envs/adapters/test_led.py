"""An arm that a mocap body leads, as Fetch's is: where it is led to counts as a place that it can
take.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.feasible import constraint_violation, led_trees

LED = """<mujoco><worldbody>
<body name="lead" mocap="true" pos="0 0 .2"/>
<body name="hand"><joint name="lift" type="slide" axis="0 0 1" range="0 .4" limited="true"/><geom size=".05"/></body>
<body name="cube" pos="1 0 1"><freejoint name="cube"/><geom size=".05"/></body></worldbody>
<equality>{}</equality><actuator>{}</actuator></mujoco>"""
WELD = '<weld body1="lead" body2="hand"/>'
MOTOR = '<motor joint="lift"/>'


def test_what_a_mocap_body_leads_is_found_and_not_what_actuators_move() -> None:
    assert led_trees(mujoco.MjModel.from_xml_string(LED.format(WELD, ""))) == {0}
    assert led_trees(mujoco.MjModel.from_xml_string(LED.format("", MOTOR))) == set()


def test_what_is_led_beyond_its_limit_is_where_it_can_be() -> None:
    led = mujoco.MjModel.from_xml_string(LED.format(WELD, ""))
    free = mujoco.MjModel.from_xml_string(LED.format("", MOTOR))
    violations = []
    for model in (led, free):
        data = mujoco.MjData(model)
        data.qpos[0] = -0.1
        mujoco.mj_forward(model, data)
        violations.append(constraint_violation(model, data))
    np.testing.assert_allclose(violations, [0.0, 25.0])  # 0.1 m of 1 % of 0.4 m
