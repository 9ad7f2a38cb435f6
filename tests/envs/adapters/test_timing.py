"""What a config says of times goes before the rule, and what was cut is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from latent_mpc.envs.adapters.time_scale import TimeScale
from latent_mpc.envs.adapters.timing import AskedTiming, Timing
from latent_mpc.envs.registry import make

ARM = """<mujoco><worldbody><body><joint name="a" axis="0 1 0" range="-180 180" damping=".5"/>
<geom type="capsule" fromto="0 0 0 1 0 0" size=".05"/></body></worldbody>
<actuator><motor joint="a" gear="5" ctrlrange="-1 1"/></actuator></mujoco>"""


@pytest.fixture
def xml(tmp_path: Path) -> str:
    (tmp_path / "arm.xml").write_text(ARM)
    return str(tmp_path / "arm.xml")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (AskedTiming(0.0, 0, 0.0), Timing(10, 0.2, 60, 90)),
        (AskedTiming(0.1, 0, 0.0), Timing(5, 0.1, 60, 90)),
        (AskedTiming(0.0, 30, 0.0), Timing(10, 0.2, 30, 0)),
        (AskedTiming(0.1, 0, 7.0), Timing(5, 0.1, 70, 0)),
    ],
)
def test_what_is_asked_for_goes_before_the_rule(asked: AskedTiming, expected: Timing) -> None:
    rule = TimeScale(control_period=0.2, episode_steps=60, uncut_steps=90)
    assert asked.timing("arm", 0.02, rule) == expected
    if asked.complete:
        assert asked.timing("arm", 0.02, None) == expected


def test_an_episode_may_be_given_in_seconds_and_is_stored_in_steps(xml: str) -> None:
    options: dict[str, Any] = {
        "xml": xml,
        "obs": ("state",),
        "success": ["a:0.1"],
        "control_period": 0.1,
        "camera": "view:0:0:0:5:90:-45",
    }
    one = make("mjcf", seconds=7.0, **options)
    assert (one.episode_steps, one.settings()["episode_steps"], one.settings()["seconds"]) == (
        70,
        70,
        0.0,
    )
    with pytest.raises(
        ValueError, match=r"length must be given once: task\.seconds or task\.episode_steps"
    ):
        make("mjcf", seconds=7.0, episode_steps=20, **options)


def test_where_the_longest_episode_cuts_it_is_said(
    xml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def line(one: Any) -> str:
        return next(line for line in one.about() if "an episode of" in line)

    assert "cut" not in line(make("mjcf", xml=xml, obs=("state",), episode_steps=20))
    monkeypatch.setattr("latent_mpc.envs.adapters.time_scale.MOST", 20)
    monkeypatch.setattr("latent_mpc.envs.adapters.time_scale.EPISODE", 30)
    assert "by its slowest part, cut to 20 to 20: longer ones by task.seconds" in line(
        make("mjcf", xml=xml, obs=("state",))
    )
