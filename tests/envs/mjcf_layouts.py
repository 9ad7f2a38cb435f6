"""Models that MuJoCo reads, their files laid out in the ways that people lay them out."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

OBJ = "v 0 0 0\nv .2 0 0\nv 0 .2 0\nv 0 0 .2\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
OTHER_OBJ = OBJ.replace(".2", ".3")
MOTOR = '<actuator><motor joint="j" gear="10" ctrlrange="-1 1"/></actuator>'
MESH = '<asset><mesh name="m" file="{}"/></asset>'
ARM = (
    '<body><joint name="j" axis="0 0 1" range="-90 90" damping="1"/><geom type="mesh"'
    ' mesh="m"/></body>'
)
LINK = ARM.replace('type="mesh" mesh="m"', 'size=".1"{}')
INCLUDE = '<include file="{}"/>'
ATTACH = (
    '<asset><model name="s" file="{}"/></asset><worldbody><attach model="s"'
    ' prefix="{}"/></worldbody>'
)


def mjcf(*parts: str) -> str:
    return f"<mujoco>{''.join(parts)}</mujoco>"


def world(body: str) -> str:
    return f"<worldbody>{body}</worldbody>"


def robot(head: str, body: str = ARM) -> str:
    return mjcf(head, world(body), MOTOR)


def submodel(head: str) -> str:
    return mjcf(head, world(ARM))


def picture(number: int) -> bytes:
    pixels = (np.arange(48).reshape(4, 4, 3) * number).astype(np.uint8)
    return imageio.imwrite("<bytes>", pixels, extension=".png")


def skin() -> bytes:
    """One triangle on the body `b`, in MuJoCo's format."""
    name = b"b".ljust(40, b"\0")
    vertices = struct.pack("<9f", 0, 0, 0, 0.1, 0, 0, 0, 0.1, 0)
    bone = name + struct.pack("<3f4f1i3i3f", 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 2, 1, 1, 1)
    return struct.pack("<4i", 3, 0, 1, 1) + vertices + struct.pack("<3i", 0, 1, 2) + bone


CUBE = [f"file{side}" for side in ("right", "left", "up", "down", "front", "back")]
TEXTURED = LINK.format(' material="t"') + '<geom type="plane" size="1 1 1"/>'
TEXTURE = '<asset><texture name="t" type="2d" file="{}"/><material name="t" texture="t"/></asset>'
GROUND = LINK.format("") + '<geom type="hfield" hfield="h" pos="0 0 -2"/>'
FLEX = (
    '<flexcomp name="f" type="mesh" dim="2" file="{}" mass="1"><contact'
    ' selfcollide="none"/></flexcomp>'
)
HFIELD = '<asset><hfield name="h" size="1 1 .1 .1" file="{}"/></asset>'

# By name: robot.xml is the model, what begins with "!" is there but not read.
LAYOUTS: dict[str, dict[str, str | bytes]] = {
    "a sub-model with a meshdir of its own": {
        "robot.xml": mjcf(ATTACH.format("parts/arm.xml", "a-"), MOTOR.replace('"j"', '"a-j"')),
        "parts/arm.xml": submodel('<compiler meshdir="meshes"/>' + MESH.format("m.obj")),
        "parts/meshes/m.obj": OBJ,
    },
    "sub-models two deep, each with a mesh of the same name": {
        "robot.xml": mjcf(
            '<compiler meshdir="meshes"/>',
            MESH.format("m.obj"),
            ATTACH.format("parts/arm.xml", "a-"),
            MOTOR.replace('"j"', '"a-j"'),
            world('<geom type="mesh" mesh="m"/>'),
        ),
        "meshes/m.obj": OBJ,
        "parts/arm.xml": mjcf(
            '<compiler meshdir="meshes"/>',
            MESH.format("m.obj"),
            world(ARM),
            ATTACH.format("hand/hand.xml", "h-"),
        ),
        "parts/meshes/m.obj": OTHER_OBJ,
        "parts/hand/hand.xml": submodel(
            '<compiler meshdir="../../shared"/>' + MESH.format("m.obj")
        ),
        "shared/m.obj": OBJ.replace(".2", ".4"),
    },
    "a mesh beside an included file": {
        "robot.xml": mjcf(INCLUDE.format("parts/arm.xml"), MOTOR),
        "parts/arm.xml": submodel(MESH.format("meshes/m.obj")),
        "parts/meshes/m.obj": OBJ,
    },
    "an include of an include in another folder": {
        "robot.xml": mjcf(INCLUDE.format("parts/arm.xml"), MOTOR),
        "parts/arm.xml": mjcf(MESH.format("m.obj"), INCLUDE.format("../bodies/body.xml")),
        "parts/m.obj": OBJ,
        "bodies/body.xml": mjcf(world(ARM)),
    },
    "an include of an include, both in folders above": {
        "robot.xml": mjcf(INCLUDE.format("../parts/arm.xml"), MOTOR),
        "../parts/arm.xml": mjcf(INCLUDE.format("../bodies/body.xml")),
        "../bodies/body.xml": mjcf(world(LINK.format(""))),
    },
    "an include of an include beside the model, not beside the including file": {
        "robot.xml": mjcf(INCLUDE.format("parts/arm.xml"), MOTOR),
        "parts/arm.xml": mjcf(INCLUDE.format("body.xml")),
        "body.xml": mjcf(world(LINK.format(""))),
    },
    "an include that is beside both": {
        "robot.xml": mjcf(INCLUDE.format("parts/arm.xml"), MOTOR),
        "parts/arm.xml": mjcf(INCLUDE.format("body.xml")),
        "body.xml": mjcf(world(LINK.format(""))),
        "parts/body.xml": mjcf(world(LINK.format(' rgba="1 0 0 1"'))),
    },
    "the model's meshdir for the meshes of an included file": {
        "robot.xml": mjcf(
            '<compiler meshdir="../stl/arm"/>',
            INCLUDE.format("parts/assets.xml"),
            world(ARM),
            MOTOR,
        ),
        "parts/assets.xml": mjcf(MESH.format("m.obj")),
        "../stl/arm/m.obj": OBJ,
    },
    "a compiler below the assets": {
        "robot.xml": mjcf(MESH.format("m.obj"), '<compiler meshdir="meshes"/>', world(ARM), MOTOR),
        "meshes/m.obj": OBJ,
    },
    "a file of the same name beside the model": {
        "robot.xml": robot('<compiler meshdir="meshes"/>' + MESH.format("m.obj")),
        "meshes/m.obj": OBJ,
        "!m.obj": OTHER_OBJ,
    },
    "a backslash": {"robot.xml": robot(MESH.format("meshes\\m.obj")), "meshes/m.obj": OBJ},
    "an absolute path that is stripped": {
        "robot.xml": robot(
            '<compiler strippath="true" meshdir="meshes"/>' + MESH.format("/elsewhere/cad/m.obj")
        ),
        "meshes/m.obj": OBJ,
    },
    "a Windows path that is stripped": {
        "robot.xml": robot(
            '<compiler strippath="true" meshdir="cad\\meshes\\"/>' + MESH.format("C:\\m.obj")
        ),
        "cad/meshes/m.obj": OBJ,
    },
    "a folder that is stripped": {
        "robot.xml": robot('<compiler strippath="true"/>' + MESH.format("package/meshes/m.obj")),
        "m.obj": OBJ,
    },
    "meshes in a folder above": {
        "robot.xml": robot(MESH.format("../meshes/m.obj")),
        "../meshes/m.obj": OBJ,
    },
    "a way up and down again": {
        "robot.xml": robot('<compiler meshdir="../../up/here/meshes"/>' + MESH.format("m.obj")),
        "meshes/m.obj": OBJ,
    },
    "an assetdir": {
        "robot.xml": robot(
            '<compiler assetdir="assets"/>' + MESH.format("m.obj") + TEXTURE.format("t.png"),
            ARM + TEXTURED.replace('"j"', '"k"'),
        ),
        "assets/m.obj": OBJ,
        "assets/t.png": picture(1),
    },
    "a texturedir": {
        "robot.xml": robot(
            '<compiler texturedir="textures/"/>' + TEXTURE.format("t.png"), TEXTURED
        ),
        "textures/t.png": picture(1),
    },
    "a cube of six pictures": {
        "robot.xml": robot(
            '<compiler texturedir="sky"/><asset><texture name="t" type="cube" '
            + " ".join(f'{side}="{side}.png"' for side in CUBE)
            + '/><material name="t" texture="t"/></asset>',
            TEXTURED,
        ),
        **{f"sky/{side}.png": picture(number) for number, side in enumerate(CUBE)},
    },
    "a height field": {
        "robot.xml": robot('<compiler meshdir="ground"/>' + HFIELD.format("h.png"), GROUND),
        "ground/h.png": picture(2),
    },
    "a skin": {
        "robot.xml": robot(
            '<compiler meshdir="skins"/><asset><skin name="s" file="s.skn"/></asset>',
            LINK.format("").replace("<body>", '<body name="b">'),
        ),
        "skins/s.skn": skin(),
    },
    "a flexible body": {
        "robot.xml": robot("", LINK.format("") + FLEX.format("cloth/f.obj")),
        "cloth/f.obj": OBJ,
    },
    "capital letters, spaces and umlauts": {
        "robot.xml": robot('<compiler meshdir="große Netze"/>' + MESH.format("M ü.OBJ")),
        "große Netze/M ü.OBJ": OBJ,
    },
    "an apostrophe": {
        "robot.xml": mjcf(INCLUDE.format("it's/arm.xml"), MOTOR),
        "it's/arm.xml": submodel(MESH.format("m's.obj")),
        "it's/m's.obj": OBJ,
    },
    "a URDF attached": {
        "robot.xml": mjcf(ATTACH.format("arm.urdf", "u-"), MOTOR.replace('"j"', '"u-j"')),
        "arm.urdf": (
            """<robot name="arm"><link name="base"/><link name="l"><inertial><mass value="1"/>
            <inertia ixx=".01" iyy=".01" izz=".01" ixy="0" ixz="0" iyz="0"/></inertial><collision><geometry>
            <mesh filename="m.obj"/></geometry></collision></link><joint name="j" type="revolute">
            <parent link="base"/><child link="l"/><axis xyz="0 0 1"/>
            <limit lower="-1" upper="1" effort="1" velocity="1"/></joint></robot>"""
        ),
        "m.obj": OBJ,
    },
}


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """The layout in `folder/up/here`; returns robot.xml."""
    for name, content in files.items():
        path = folder / "up" / "here" / name.removeprefix("!")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "up" / "here" / "robot.xml"
