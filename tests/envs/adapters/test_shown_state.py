"""Which numbers the observed state holds."""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.coordinates import read_coordinates
from latent_mpc.envs.adapters.places import split_places
from latent_mpc.envs.adapters.shown_state import ShownState
from latent_mpc.envs.adapters.success import Success
from latent_mpc.envs.registry import make
from tests.envs.adapters.robots import GHOST, hinge, link, model_of


def test_it_is_angles_positions_velocities_sensors_commands_and_places_in_this_order() -> None:
    """Counted by hand: a hinge without limits carries one with limits; the ghost is a marker."""
    end = link("fore", hinge("b"), '<site name="tip" pos=".4 0 0"/>', at=".4 0 0")
    bodies = link("upper", hinge("a", limits=""), end)
    sensors = '<sensor><jointpos joint="b"/><jointvel name="rate" joint="b"/></sensor>'
    model = model_of(GHOST + bodies, "a b", tail=sensors, head='<option gravity="0 0 0"/>')
    joints, places = split_places(model, ["a:0.1", "site:tip:0.1"])
    success = Success(model, read_coordinates(model, joints), places)
    shown, data = ShownState(model, success, np.array([False, True])), mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.ctrl[:] = (9.0, 0.3, -0.2), (8.0, 0.4, 0.5), (7.0, 0.6)
    mujoco.mj_forward(model, data)
    expected = [np.cos(0.3), np.sin(0.3), -0.2, 0.4, 0.5, 0.5, 0.6, *data.site("tip").xpos]
    np.testing.assert_allclose(shown(data), expected, rtol=1e-6)
    assert shown.about()[0].endswith(": gx")


def test_the_target_of_gymnasium_s_reacher_is_left_out_of_the_state_and_said():
    task = make("gymnasium", id="Reacher-v5", obs=("state",))
    pair = task.draw_start_and_goal(np.random.default_rng(0))
    start, goal = pair.start, pair.goal
    elsewhere = start.copy()
    elsewhere[1 + 2 : 1 + 4] += 0.05  # the target's place, behind the time and the two joints
    assert task.observation(start)["state"].shape == (8,)  # the fingertip, too
    np.testing.assert_array_equal(
        task.observation(start)["state"], task.observation(elsewhere)["state"]
    )
    assert not np.array_equal(task.observation(start)["state"], task.observation(goal)["state"])
    assert (
        "  left out of the state, as nothing moves or touches them: target_x, target_y"
        in task.about()
    )
    again = make("gymnasium", obs=("state",), **{"id": "Reacher-v5", **task.settings()})
    np.testing.assert_array_equal(
        again.observation(start)["state"], task.observation(start)["state"]
    )
