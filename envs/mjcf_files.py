"""The files of an MJCF model: read with MuJoCo's own message where it is broken, fingerprinted, and copied as they are.

A copy keeps the places of the files relative to one another, so that nothing within them has to change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import mujoco

FOLDERS = ("meshdir", "texturedir", "assetdir")  # attributes of <compiler>


def read_model(xml: str) -> mujoco.MjModel:
    """The compiled model. Raises FileNotFoundError, ValueError with MuJoCo's message and line."""
    if not Path(xml).is_file():
        raise FileNotFoundError(f"no MJCF file {xml!r}; give one: task.xml=my_robot.xml")
    try:
        model = mujoco.MjModel.from_xml_path(xml)
    except ValueError as error:
        raise ValueError(f"{xml} is no model: {' '.join(str(error).split())}") from error
    if not model.nu:
        raise ValueError(f"{xml} has no actuators, so nothing can be planned; add an <actuator> section")
    return model


def files_of(xml: str) -> list[Path]:
    """The file itself, first, and all that it includes or refers to, as far as they are there.

    Raises ValueError if one is named by an absolute path: a copy of it would not be found.
    """
    root, found, folders = Path(xml).parent, [Path(xml)], {""}
    for path in found:  # grows as includes are met
        if path.suffix.lower() not in (".xml", ".mjcf", ".urdf"):
            continue
        for element in ElementTree.parse(path).iter():
            folders |= {element.get(key, "") for key in FOLDERS}
            for key, name in element.items():
                if not (key.startswith("file") or (element.tag == "include" and key == "file")):
                    continue
                if os.path.isabs(name) or any(os.path.isabs(folder) for folder in folders):
                    raise ValueError(f"{path} must name its files relative to itself, got {name!r}; a checkpoint keeps a copy of them")
                places = [root / folder / part for folder in sorted(folders) for part in (name, os.path.basename(name))]
                found += [place for place in dict.fromkeys(places) if place.is_file() and place not in found][:1]
    return found


def fingerprint(xml: str) -> str:
    """Of the text and the meshes, wherever they lie."""
    digest, (top, *others) = hashlib.sha256(), files_of(xml)
    for path in (top, *sorted(others, key=lambda path: os.path.relpath(path, top.parent))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def copy_files(xml: str, folder: Path) -> Path:
    """Copy the model's files into `folder`; returns where the file itself stands now."""
    files = [path.resolve() for path in files_of(xml)]
    root = Path(os.path.commonpath([path.parent for path in files]))
    for path in files:
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.samefile(path)):
            shutil.copyfile(path, target)
    return folder / files[0].relative_to(root)
