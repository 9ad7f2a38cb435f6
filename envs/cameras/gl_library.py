"""Which OpenGL this machine can load without a display. Imports neither MuJoCo nor OpenGL, for it
has to be asked before they are.
"""

from __future__ import annotations

import ctypes
import os
import platform

LIBRARIES = {  # in order of preference; one of each group must load
    "egl": (("libEGL.so.1",), ("libOpenGL.so.0", "libGL.so.1")),
    "osmesa": (("libOSMesa.so.8",),),
}
CHOICE = "MUJOCO_GL"  # the variable by which MuJoCo chooses while it is imported
# that it takes beside LIBRARIES
WORDS = (
    "",
    "glfw",
    "enable",
    "enabled",
    "on",
    "true",
    "1",
    "disable",
    "disabled",
    "off",
    "false",
    "0",
)
SYSTEMS = {"Linux": "glx", "Windows": "wgl", "Darwin": "cgl"}


def find_libraries() -> list[str]:
    """Those of LIBRARIES that load, the best first."""
    return [
        name
        for name, groups in LIBRARIES.items()
        if all(any(_loads(library) for library in group) for group in groups)
    ]


def mend_choice() -> None:
    """Take from MUJOCO_GL what cannot be had here. `import mujoco` would raise, though hardly
    anything that is done with it draws.
    """
    choice = os.environ.get(CHOICE, "").lower().strip()
    if (
        choice in WORDS
        or choice == SYSTEMS.get(platform.system())
        or choice in (usable := find_libraries())
    ):
        return
    if usable:
        os.environ[CHOICE] = usable[0]
    else:
        del os.environ[CHOICE]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
