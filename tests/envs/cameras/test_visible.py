"""Pictures that do not change with the robot are refused before anything is trained on them; a
robot without geoms works from states.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest

from latent_mpc.envs.adapters.gymnasium_task import GymnasiumTask
from latent_mpc.envs.adapters.mjcf_task import MjcfTask

ARM = """<mujoco><asset><material name="glass" rgba="0 0 1 0"/></asset><worldbody><geom type="plane" size="2 2 .1" pos="0 0 -.1"/>
<camera name="away" pos="0 0 1" xyaxes="1 0 0 0 -1 0"/><camera name="{camera}" pos="0 0 1"/>
<body><joint name="x" type="hinge" axis="0 0 1" range="-90 90" damping="1"/><inertial pos=".15 0 0" mass=".1" diaginertia=".001 .001 .001"/>
{look}</body>{more}</worldbody><actuator><motor joint="x" gear="2" ctrlrange="-1 1"/></actuator></mujoco>"""
ROD = 'type="capsule" fromto="0 0 0 .3 0 0" size=".03"'
GEOM, HIDDEN, SITE = f"<geom {ROD}/>", f'<geom {ROD} group="3"/>', f"<site {ROD}/>"
CUBE = '<body pos=".2 .2 0"><freejoint name="cube"/><geom type="box" size=".05 .05 .05"/></body>'
BALL = '<geom size=".2"/>'  # turns on the spot


def make(
    folder: Path, look: str, more: str = "", observer: str = "other", **options: Any
) -> MjcfTask:
    (folder / "arm.xml").write_text(ARM.format(look=look, more=more, camera=observer))
    return MjcfTask(str(folder / "arm.xml"), **options)


@pytest.mark.parametrize("look", [SITE, ""])
def test_a_robot_that_is_not_drawn_is_refused_with_what_would_do(look: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"^arm: pictures must change .* while x moves; what it moves needs a geom .* groups 0"
            r" to 2"
        ),
    ):
        make(tmp_path, look, obs=("state", "pixels"))


@pytest.mark.parametrize(("look", "camera"), [(GEOM, "away"), (BALL, "")])
def test_a_view_in_which_nothing_changes_is_refused_too(
    look: str, camera: str, tmp_path: Path
) -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"stay the same while x moves; another view is needed, task.camera=NAME or"
            r" view:.*obs=state"
        ),
    ):
        make(tmp_path, look, obs=("pixels",), camera=camera)


def test_it_is_refused_without_probing_too(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "camera": "other",
        "success": ["x:0.1"],
        "control_period": 0.1,
        "episode_steps": 20,
    }
    make(tmp_path, GEOM, obs=("pixels",), **given)
    with pytest.raises(ValueError, match="while x moves"):
        make(tmp_path, HIDDEN, obs=("pixels",), **given)


@pytest.mark.slow
def test_a_cube_in_the_picture_does_not_stand_for_the_robot(tmp_path: Path) -> None:
    make(tmp_path, GEOM, CUBE, obs=("pixels",))
    with pytest.raises(ValueError, match="while x moves"):
        make(tmp_path, SITE, CUBE, obs=("pixels",))
    # a hidden hand
    make(tmp_path, HIDDEN, CUBE, obs=("pixels",), success=["cube.xy:0.1"], observer="observer")


@pytest.mark.parametrize(
    "look", ['<geom {} rgba="1 0 0 0"/>', '<geom {} material="glass"/>', "<geom {}/>"]
)
def test_what_is_wholly_transparent_is_made_opaque(look: str, tmp_path: Path) -> None:
    task = make(tmp_path, look.format(ROD), obs=("pixels",))
    pictures = set()
    for angle in (0.0, 1.0):
        task.restore(task.rest_state(np.array([angle])))
        pictures.add(task.render().tobytes())
    assert len(pictures) == 2


@pytest.mark.parametrize("look", [SITE, ""])
def test_a_robot_without_geoms_works_from_states_and_its_view_frames_it(
    look: str, tmp_path: Path
) -> None:
    task = make(tmp_path, look)
    task.reset(seed=0)
    places = task.camera.project(task.data, task.data.site_xpos if look else task.data.xipos[1:])
    assert (places > 0).all()
    assert (places < 1).all()
    distance = float(task.camera_names.split(":")[4])
    assert 0.1 < distance < 3  # an arm of 0.3 m is not a speck


class Painter(gymnasium.Env):
    """Draws the colour of its cart at each reset."""

    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    XML = """<mujoco><worldbody><body><joint name="x" type="slide" axis="1 0 0" range="-1 1" damping="2"/><geom size="0.1"/></body>
    </worldbody><actuator><motor joint="x" gear="20" ctrlrange="-1 1"/></actuator></mujoco>"""

    def __init__(self) -> None:
        self.model = mujoco.MjModel.from_xml_string(self.XML)
        self.data = mujoco.MjData(self.model)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[0] = self.np_random.uniform(-0.8, 0.8)
        self.model.geom_rgba[0, :3] = self.np_random.uniform(0, 1, 3)
        return self.data.qpos.copy(), {}

    def step(self, action):
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data, 10)
        return self.data.qpos.copy(), 0.0, False, False, {}


def test_a_state_has_one_picture_whatever_colours_a_reset_draws_and_whoever_probed() -> None:
    gymnasium.register("Painter-v0", Painter)  # type: ignore[arg-type]
    try:
        probed = GymnasiumTask("Painter-v0", obs=("pixels",))
        # as a worker makes it: nothing is left to probe
        again = GymnasiumTask(**probed.settings(), obs=("pixels",))
    finally:
        del gymnasium.registry["Painter-v0"]
    state = probed.draw_state(np.random.default_rng(0))
    picture = probed.observation(state)["pixels"]
    np.testing.assert_array_equal(again.observation(state)["pixels"], picture)
    probed.draw_state(np.random.default_rng(1))
    np.testing.assert_array_equal(probed.observation(state)["pixels"], picture)
