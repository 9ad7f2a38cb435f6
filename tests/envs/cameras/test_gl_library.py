"""MUJOCO_GL may say anything: what this machine cannot load is taken out before MuJoCo is
imported.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from latent_mpc.envs.cameras import gl_library
from latent_mpc.envs.cameras.gl_library import CHOICE

ALL = ("libEGL.so.1", "libOpenGL.so.0", "libOSMesa.so.8")


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [
        ((), []),
        (("libEGL.so.1",), []),  # EGL alone brings no OpenGL calls
        (("libOpenGL.so.0", "libGL.so.1"), []),
        (("libEGL.so.1", "libGL.so.1"), ["egl"]),
        (ALL, ["egl", "osmesa"]),
        (("libEGL.so.1", "libOSMesa.so.8"), ["osmesa"]),
    ],
)
def test_libraries_are_those_that_load(
    libraries: tuple[str, ...], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gl_library, "_loads", libraries.__contains__)
    assert gl_library.find_libraries() == expected


def test_a_library_that_does_not_exist_does_not_load() -> None:
    assert not gl_library._loads("libNoSuchThing.so.1")


@pytest.mark.parametrize(
    ("choice", "libraries", "left"),
    [
        ("osmesa", (), None),
        ("OSMesa ", ALL[:2], "egl"),
        ("osmesa", ALL, "osmesa"),
        ("egl", ALL[2:], "osmesa"),
        ("egl", ALL, "egl"),
        ("bogus", (), None),
        ("Disable", (), "Disable"),
        ("glfw", (), "glfw"),
        ("", (), ""),
        (None, (), None),
    ],
)
def test_an_opengl_that_cannot_be_loaded_is_not_left_in_the_variable(
    choice: str | None,
    libraries: tuple[str, ...],
    left: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gl_library, "_loads", libraries.__contains__)
    monkeypatch.setenv(CHOICE, choice or "")
    if choice is None:
        monkeypatch.delenv(CHOICE)
    gl_library.mend_choice()
    assert os.environ.get(CHOICE) == left


# on a machine with and without the libraries
@pytest.mark.slow
@pytest.mark.parametrize("choice", ["bogus", "osmesa", "egl"])
@pytest.mark.parametrize(
    "first", ["latent_mpc", "latent_mpc.agent.oracle", "latent_mpc.envs.cameras.gl"]
)
def test_no_value_of_the_variable_keeps_anything_from_being_imported(
    choice: str, first: str
) -> None:
    environment = {
        **os.environ,
        CHOICE: choice,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    code = (
        f"import {first}, latent_mpc.envs.registry as registry; registry.make('reacher',"
        " obs=('pixels',)).reset(seed=0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
