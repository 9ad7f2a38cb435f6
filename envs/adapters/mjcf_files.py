"""The files of a model: read with MuJoCo's own message where it is broken, fingerprinted, and
copied as they are.

Which files belong to it is MuJoCo's word: a copy is compiled, what it misses is added, and the copy
must be the same model. It keeps the places of the files relative to one another, so that nothing
within them has to change.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError

ERRORS = (ValueError, mujoco.FatalError)  # what MuJoCo raises for files that it cannot read
QUOTED = re.compile(r"'(.+)'")  # a path in one of its messages
# where the value of such an attribute begins
ABSOLUTE = re.compile(rb"""(=\s*["']\s*)(?=[/\\]|[A-Za-z]:[/\\])""")


@dataclass(frozen=True)
class ModelFiles:
    """All that MuJoCo reads of a model.

    Args:
        paths: absolute, the model's own first.
        root: the folder that a copy's folder stands for.
    """

    paths: tuple[Path, ...]
    root: Path

    def fingerprint(self) -> str:
        """Of the text and the meshes, wherever they lie."""
        digest, (top, *others) = hashlib.sha256(), self.paths
        for path in (top, *sorted(others, key=lambda path: os.path.relpath(path, top.parent))):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def places(self, folder: Path) -> list[Path]:
        """Where the files stand in a copy."""
        return [folder / path.relative_to(self.root) for path in self.paths]

    def copy(self, folder: Path) -> Path:
        """Copy the files into `folder`; returns where the model's own stands there."""
        places = self.places(folder)
        for path, place in zip(self.paths, places, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            if not (place.exists() and place.samefile(path)):
                shutil.copyfile(path, place)
        return places[0]


def read_model(xml: str) -> mujoco.MjModel:
    """The compiled model. Raises FileNotFoundError, ValueError with MuJoCo's message and line."""
    if not Path(xml).is_file():
        raise FileNotFoundError(f"no MJCF file {xml!r}; give one: task.xml=my_robot.xml")
    # MuJoCo keeps meshes by path and second of the last change: one written just now must be read
    # anew
    mujoco.mj_clearCache(mujoco.mj_getCache())
    try:
        model = _compile(_absolute(xml))
    except ERRORS as error:
        version = (
            f"; MuJoCo {mujoco.__version__} loads only what it compiled itself, the XML always"
            if _is_compiled(Path(xml))
            else ""
        )
        reason = _absent(_absolute(xml), str(error)) or f"{_line(error)}{version}"
        raise LatentMPCError(f"{xml} is no model: {reason}") from error
    if model.nu:
        return model
    advice = "add an <actuator> section"
    if not _is_compiled(Path(xml)) and b"<robot" in Path(xml).read_bytes():
        advice = (
            "a URDF has none, so attach it in an MJCF file with an <actuator> section: "
            f'<asset><model name="robot" file="{Path(xml).name}"/></asset> and <worldbody><attach'
            ' model="robot" prefix="my_"/></worldbody>'
        )
    raise LatentMPCError(f"{xml} has no actuators, so nothing can be planned; {advice}")


def files_of(xml: str, model: mujoco.MjModel) -> ModelFiles:
    """The files of `model`, read from `xml`.

    Raises ValueError if a copy of them would not be the same model, or not without the originals.
    """
    with tempfile.TemporaryDirectory() as scratch, _silence():
        try:
            files, copies, copied = _copied(_absolute(xml), Path(scratch))
        except ERRORS as error:
            raise LatentMPCError(
                f"{xml} must compile from a copy, which a checkpoint keeps, but its files' copy"
                f" does not: {_line(error)}; place all files beside or below it"
            ) from error
        if _values(copied) != _values(model):
            raise LatentMPCError(
                f"{xml} must be the same model as its copy, which a checkpoint keeps, but the copy"
                " differs; place all files beside or below it, each under a name of its own"
            )
        if (name := _absolute_name(copies, Path(scratch, "astray"))) is not None:
            raise LatentMPCError(
                f"{xml} must name its files relative to itself, got {name!r}; a checkpoint keeps a"
                " copy of them"
            )
    return files


def _copied(top: Path, scratch: Path) -> tuple[ModelFiles, list[Path], mujoco.MjModel]:
    """The files, a copy of them that compiles, and its model. Raises MuJoCo's error if there is
    none.
    """
    paths, root, added = [top], top.parent, _named(top)
    while True:
        paths += added
        root = Path(os.path.commonpath([root, *(path.parent for path in paths)]))
        # as deep as the original, so that no "../.." leads from the copy to it
        level = len(root.parts)
        folder = Path(scratch, str(level), *"_" * level)
        ModelFiles(tuple(added if folder.exists() else paths), root).copy(folder)
        files = ModelFiles(tuple(paths), root)
        copies = files.places(folder)
        try:
            return files, copies, _compile(copies[0])
        except ERRORS as error:
            places = _missing(str(error), folder, files)
            more = dict.fromkeys(each for place in places for each in (place, *_named(place)))
            added = [path for path in more if path not in paths]
            if not added and (not places or root == root.parent):
                raise
            if not added:  # a path leads up and down again, through folders that the copy lacks
                root = root.parent


def _missing(message: str, folder: Path, files: ModelFiles) -> list[Path]:
    """The originals of what a copy in `folder` lacks, as MuJoCo's message names it.

    MuJoCo looks for an included file beside the model, then beside the including one, and names the
    last of these places; of the file of a sub-model it does not name the folder. So each end of the
    path counts, beside each file that is known: once all are there, MuJoCo chooses among them as it
    does among the originals.
    """
    places: list[Path] = []
    for name in QUOTED.findall(message):
        if os.path.isabs(name):
            places.append(files.root / os.path.relpath(name, folder))
        parts = Path(name).relative_to(Path(name).anchor).parts
        ends = [Path(*parts[start:]) for start in range(len(parts))]
        places += [path.parent / end for end in ends for path in files.paths]
    return [place for place in dict.fromkeys(map(_absolute, places)) if place.is_file()]


def _absent(top: Path, message: str) -> str:
    """Where a file that MuJoCo cannot open would have to be; empty if the message is about another
    matter. MuJoCo names it by a place that depends on who includes whom.
    """
    if "opening file" not in message:
        return ""
    missed = {Path(_slashes(name)).name for name in QUOTED.findall(message)}
    right = [str(place) for place in _places(top) if place.name in missed and not place.is_file()]
    return f"it names {right[0]}, which is not there" if right else ""


def _named(path: Path) -> list[Path]:
    """What the elements of a model name and is there.

    Only a beginning, which saves a compilation for each of these files: MuJoCo names those that it
    misses.
    """
    return [place for place in _places(path) if place.is_file()]


def _places(path: Path) -> list[Path]:
    """Where what the elements of a model name would be, where MuJoCo's parser has it; nothing of
    what is no model by itself.
    """
    try:
        spec = mujoco.MjSpec.from_file(str(path)) if _is_xml(path) else mujoco.MjSpec()
    except ERRORS:
        return []
    meshes = [each.file for each in (*spec.meshes, *spec.hfields, *spec.skins)]
    textures = [name for each in spec.textures for name in (each.file, *each.cubefiles)]
    places = []
    for folder, names in ((spec.meshdir, meshes), (spec.texturedir, textures)):
        for written in map(_slashes, filter(None, names)):
            # what an included file misses, MuJoCo names beside that file and without the folder
            beside = Path(written).is_relative_to(path.parent) and not Path(written).is_file()
            name = os.path.relpath(written, path.parent) if beside else written
            places.append(
                path.parent
                / _slashes(folder)
                / (os.path.basename(name) if spec.strippath else name)
            )
    return list(dict.fromkeys(map(_absolute, places)))


def _absolute_name(copies: list[Path], astray: Path) -> str | None:
    """The absolute path by which a copy names a file that MuJoCo reads, if any: all are led
    astray.
    """
    texts = {path: path.read_bytes() for path in copies if _is_xml(path)}
    led = {
        path: ABSOLUTE.sub(lambda match: match[1] + os.fsencode(astray), text)
        for path, text in texts.items()
    }
    if led == texts:
        return None
    for path, text in led.items():
        path.write_bytes(text)
    try:
        _compile(copies[0])
    except ERRORS as error:
        return _slashes(_line(error)).partition(_slashes(str(astray)))[2].partition("'")[
            0
        ] or _line(error)
    return None


def _compile(path: Path) -> mujoco.MjModel:
    if _is_compiled(path):
        return mujoco.MjModel.from_binary_path(str(path))
    return mujoco.MjModel.from_xml_path(str(path))


def _values(part: Any) -> dict[str, Any]:
    """All that a compiled model holds, but for the paths of its files."""
    names = [
        name
        for name in dir(part)
        if not name.startswith("_") and "path" not in name and name != "nbuffer"
    ]
    values = {name: value for name in names if not callable(value := getattr(part, name))}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            values[name] = value.tobytes()
        elif isinstance(value, (int, float, bytes, str)):
            values[name] = repr(value)
        else:  # opt, stat, vis and the parts of vis
            values[name] = _values(value)
    return values


def _is_compiled(path: Path) -> bool:
    return path.suffix.lower() == ".mjb"


def _is_xml(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1024).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _absolute(path: str | Path) -> Path:
    """Without `..`, as MuJoCo shortens paths: by their text, whatever is a link."""
    return Path(os.path.abspath(path))


def _slashes(path: str) -> str:
    """MuJoCo takes both kinds on every system."""
    return path.replace("\\", "/")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


@contextmanager
def _silence() -> Iterator[None]:
    """Without MuJoCo's warnings, which were given when the model was read."""
    before = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)
