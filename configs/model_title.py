"""What a robot is called: the name that its MJCF file gives it, or that of the file or its folder.

Read from the text, so that no model is compiled for a folder's name.
"""

from __future__ import annotations

import re
from pathlib import Path

NAMED = re.compile(rb"""<mujoco\b[^>]*?\bmodel\s*=\s*["']([^"'<]*)["']""")
COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
HEAD = 100_000  # bytes of the file that are looked at; a licence may stand in front
UNNAMED = ("", "mujoco model")  # the latter is what MuJoCo writes where nothing was given
# stems that say nothing, and how others of them begin
GENERIC, SCENE = ("robot", "model", "main"), "scene"


def model_title(xml: str) -> str:
    """Letters, digits and `_.+-` only, so that it can be a folder's name: Menagerie's `panda scene`
    is panda; its `unitree_go2/scene.xml` without a name would be unitree_go2. A file that is not
    there is called by its path.
    """
    path = Path(xml)
    named = re.sub(rf"(?i)[\s_-]*\b{SCENE}\b", "", _named(path)).strip()
    if named.lower() not in UNNAMED and (title := safe(named)):
        return title
    stem, folder = path.stem, path.absolute().parent.name
    says_nothing = stem.lower() in GENERIC or stem.lower().startswith(SCENE)
    return safe(folder if says_nothing and folder else stem) or stem


def safe(title: str) -> str:
    """A title as a folder can be called."""
    return re.sub(r"[^\w.+-]+", "-", title).strip("-.")


def _named(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return ""
    found = NAMED.search(COMMENT.sub(b"", head))
    return found[1].decode(errors="replace") if found else ""
