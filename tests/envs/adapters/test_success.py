"""What has to come to the goal: its distances, and the line that says it."""

from __future__ import annotations

import numpy as np
import pytest

from latent_mpc.envs.registry import make


def test_each_name_has_its_own_distance_and_the_largest_decides():
    task = make(
        "gymnasium",
        id="Reacher-v5",
        obs=("state",),
        success=["joint0:0.1", "joint1:0.2"],
        control_period=0.02,
        episode_steps=20,
    )
    start = task.rest_state(np.array([0.0, 0.5, 0.1, 0.1]))
    goal = start.copy()
    goal[1:3] += [0.05, -0.3]
    assert task.distances(start, goal) == pytest.approx({"joint0": 0.5, "joint1": 1.5}, abs=1e-6)
    assert task.distance(start, goal) == pytest.approx(1.5, abs=1e-6)


def test_many_names_are_told_in_one_line_with_how_to_change_them(tmp_path):
    joint = (
        '<body><joint name="j{0}" type="slide" range="-1 1" limited="true"/><geom'
        ' size=".1"/></body>'
    )
    motors = "".join(f'<motor joint="j{i}"/>' for i in range(9))
    bodies = "".join(joint.format(i) for i in range(9))
    (tmp_path / "many.xml").write_text(
        f"<mujoco><worldbody>{bodies}</worldbody><actuator>{motors}</actuator></mujoco>"
    )
    success = [f"j{i}:0.1" for i in range(9)]
    settings = {
        "control_period": 0.1,
        "episode_steps": 20,
        "camera": "view:0:0:0:5:90:-45",
        "success": success,
    }
    (line,) = [
        line
        for line in make("mjcf", xml=str(tmp_path / "many.xml"), obs=("state",), **settings).about()
        if "reached:" in line
    ]
    assert line.count(" within ") == 7 and "j6 within 0.1 m, and 2 more" in line
    assert line.endswith("(others: task.success=[JOINT:TOLERANCE,…])")
