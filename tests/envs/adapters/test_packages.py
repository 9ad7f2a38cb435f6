"""Packages that bring environments: which may be imported, which id is suggested, which MuJoCo one
fails on, and what of their notices reaches the terminal.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import gymnasium
import mujoco
import pytest

from latent_mpc.envs.adapters import foreign_code, packages
from latent_mpc.envs.adapters.foreign_code import failure
from latent_mpc.envs.adapters.packages import require_known

PACKAGE = """
import sys, gymnasium
print("a notice", file=sys.stderr)

class FetchReach:
    def __init__(self):
        assert 3 in ()

gymnasium.register("FetchReach-v9", entry_point="gymnasium_robotics:FetchReach")
"""


@pytest.fixture
def robotics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name, whose environment fails as the true one does."""
    (tmp_path / "gymnasium_robotics.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", None)  # as it was, afterwards
    monkeypatch.delitem(sys.modules, "gymnasium_robotics")
    monkeypatch.setitem(gymnasium.registry, "FetchReach-v9", None)
    monkeypatch.delitem(gymnasium.registry, "FetchReach-v9")
    monkeypatch.setattr(foreign_code, "version", lambda package: "1.4.2")


def test_an_id_without_its_module_is_suggested_with_it(
    robotics: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert packages.suggest("FetchReach-v9") == "did you mean gymnasium_robotics:FetchReach-v9?"
    assert "gymnasium_robotics:FetchReach-v9" in packages.suggest("FetchReech-v9")
    assert capsys.readouterr().err == ""


def test_of_a_package_that_is_not_there_the_extra_is_suggested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert packages.suggest("FetchReach-v4").endswith(
        "gymnasium_robotics:FetchReach-v4? pip install 'latent-mpc[robotics]'"
    )
    assert packages.suggest("visual-cube-single-v0").endswith("pip install 'latent-mpc[ogbench]'")
    assert packages.suggest("HalfCheeta-v5").startswith("did you mean HalfCheetah-v5")


def broken() -> AssertionError:
    import gymnasium_robotics  # type: ignore[import-not-found]

    try:
        gymnasium_robotics.FetchReach()
    except AssertionError as error:
        return error
    raise RuntimeError


@pytest.mark.parametrize(("installed", "misfits"), [("3.17.0", True), ("3.11.0", False)])
def test_a_package_that_does_not_fit_the_mujoco_says_what_does(
    installed: str, misfits: bool, robotics: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mujoco, "__version__", installed)
    said = str(failure("gymnasium_robotics:FetchReach-v9", "make", "gymnasium.make", broken()))
    if misfits:
        assert said == (
            "gymnasium_robotics 1.4.2 fails on MuJoCo 3.17 (AssertionError in"
            " gymnasium_robotics.py:7): pip install 'mujoco<3.12'"
        )
    else:
        assert "gymnasium_robotics.py:7); mend it, or install the versions" in said


def test_pictures_that_an_environment_draws_itself_are_said_not_to_be_used() -> None:
    with pytest.raises(mujoco.FatalError) as raised:
        raise mujoco.FatalError("an OpenGL platform library has not been loaded")
    assert "the id without visual-" in str(failure("a", "reset", "its reset", raised.value))


def test_warnings_of_libraries_are_kept_off_and_an_environments_own_are_not() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with packages.quiet():
            warnings.warn_explicit("precision", UserWarning, "box.py", 1, "gymnasium.spaces.box")
            warnings.warn_explicit("display", UserWarning, "glfw.py", 1, "glfw")
            warnings.warn_explicit("mine", UserWarning, "my_robot.py", 1, "my_robot")
    assert [str(one.message) for one in shown] == ["mine"]


def test_a_stored_id_imports_nothing_unless_the_user_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        ValueError,
        match=(
            "the checkpoint wants the Python module 'elsewhere' imported.*:"
            " task.id=elsewhere:Mine-v0"
        ),
    ):
        require_known("elsewhere:Mine-v0")
    with pytest.raises(
        ValueError, match="was trained on task.id=elsewhere:Mine-v0, got task.id=Pusher-v5"
    ):
        require_known("elsewhere:Mine-v0", "Pusher-v5")
    for id, repeated in (
        ("elsewhere:Mine-v0", "elsewhere:Mine-v0"),
        ("Pusher-v5", ""),
        ("gymnasium_robotics:PointMaze_UMaze-v3", ""),
    ):
        require_known(id, repeated)
    assert not (tmp_path / "ran").exists()
