"""Packages that bring environments: which of them an id may import unasked, what to answer where
one is missing, and their notices kept off the terminal.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import io
import re
import sys
import warnings
from collections.abc import Iterator

import gymnasium

from latent_mpc.configs.errors import LatentMPCError

# modules that a stored id may import, and the extra that brings them
EXTRAS = {"gymnasium_robotics": "robotics", "ogbench": "ogbench"}
# how the ids begin that they register, so that only the right one is imported for a suggestion
FAMILIES = {
    "gymnasium_robotics": re.compile(r"(Fetch|Hand|Adroit|AntMaze_|PointMaze_|FrankaKitchen)"),
    "ogbench": re.compile(
        r"(visual-)?(pointmaze|antmaze|humanoidmaze|antsoccer|cube|scene|puzzle|powderworld)-"
    ),
}
NOTICES = ("gymnasium", "glfw")  # modules whose warnings are about style, versions and a display


def require_known(id: str, repeated: str = "") -> None:
    """Raise ValueError if making `id`, which a file brought, would import a module that neither the
    user named nor the list here does.

    Args:
        repeated: the id as the user typed it, if so.
    """
    module = id.partition(":")[0] if ":" in id else ""
    if repeated and repeated != id:
        raise LatentMPCError(f"the checkpoint was trained on task.id={id}, got task.id={repeated}")
    if (
        module
        and not repeated
        and module.partition(".")[0] not in EXTRAS
        and module not in sys.modules
    ):
        raise LatentMPCError(
            f"the checkpoint wants the Python module {module!r} imported, which runs its code; if"
            f" you trust it, say so: task.id={id}"
        )


def import_quietly(id: str) -> None:
    """Import the package of EXTRAS that an id names, without what it prints on standard error.
    Raises ModuleNotFoundError.
    """
    module = id.partition(":")[0] if ":" in id else ""
    if module in EXTRAS and module not in sys.modules:
        with contextlib.redirect_stderr(io.StringIO()), quiet():
            importlib.import_module(module)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of NOTICES; those of an environment's own code stay."""
    with warnings.catch_warnings():
        for module in NOTICES:
            warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
        yield


def missing_module(id: str, error: ModuleNotFoundError) -> str:
    """What to do about an id whose module, or one that it needs, is not there."""
    module = (error.name or id.partition(":")[0]).partition(".")[0]
    if module in EXTRAS:
        return f"{id} needs {module}: pip install 'latent-mpc[{EXTRAS[module]}]'"
    return (
        f"{id} needs the Python module {module!r}, which is not installed; install it, or add its"
        " folder to PYTHONPATH"
    )


def suggest(id: str) -> str:
    """Which ids look like one that is not registered, that of a package in EXTRAS among them."""
    module, colon, name = id.rpartition(":")
    owner = next((key for key, family in FAMILIES.items() if family.match(name)), None)
    if not colon and owner:
        if importlib.util.find_spec(owner) is None:
            return f"did you mean {owner}:{name}? pip install 'latent-mpc[{EXTRAS[owner]}]'"
        import_quietly(f"{owner}:{name}")
    known = [
        key
        for key, spec in gymnasium.registry.items()
        if not str(spec.entry_point).startswith("gymnasium.envs.tabular")
    ]
    near = [name] if name in known else difflib.get_close_matches(name, known, n=3)
    if not near:
        return "no id that is registered looks like it"
    return f"did you mean {' or '.join(map(_written, near))}?"


def _written(id: str) -> str:
    """An id with the package that registers it, where that is not Gymnasium."""
    entry = gymnasium.registry[id].entry_point
    owner = re.split("[.:]", entry if isinstance(entry, str) else getattr(entry, "__module__", ""))[
        0
    ]
    return f"{owner}:{id}" if owner in EXTRAS else id
