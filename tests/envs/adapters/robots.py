"""Small robots of each kind, written for the tests of roles and default goals."""

from __future__ import annotations

import mujoco

FLOOR = '<geom name="floor" type="plane" size="9 9 .1"/>'
ROD = '<geom type="capsule" fromto="0 0 0 {} 0 0" size=".02"/>'


def model_of(bodies: str, joints: str = "", tail: str = "", head: str = "") -> mujoco.MjModel:
    """A model whose actuators are motors of these joints, named alike."""
    motors = "".join(f'<motor name="m_{j}" joint="{j}"/>' for j in joints.split())
    return mujoco.MjModel.from_xml_string(
        f"<mujoco>{head}<worldbody>{bodies}</worldbody><actuator>{motors}</actuator>{tail}</mujoco>"
    )


def hinge(name: str, axis: str = "0 1 0", limits: str = 'range="-90 90"') -> str:
    return f'<joint name="{name}" axis="{axis}" {limits}/>'


def slide(name: str, axis: str, limits: str = "") -> str:
    return f'<joint name="{name}" type="slide" axis="{axis}" {limits}/>'


def link(name: str, joint: str, inner: str = "", length: float = 0.4, at: str = "0 0 0") -> str:
    return f'<body name="{name}" pos="{at}">{joint}{ROD.format(length)}{inner}</body>'


def arm(end: str = "", prefix: str = "", at: str = "0 0 1") -> str:
    """Two links of 0.4 m on hinges a and b."""
    fore = link(f"{prefix}fore", hinge(f"{prefix}b"), end, at=".4 0 0")
    return link(f"{prefix}upper", hinge(f"{prefix}a"), fore, at=at)


PLANAR = f"""{FLOOR}<body name="trunk" pos="0 0 1">{slide("x", "1 0 0")}{slide("z", "0 0 1")}
{hinge("pitch", limits="")}<geom size=".1"/>{link("thigh", hinge("hip"))}</body>"""

FOOT = '<body name="foot{}" pos=".4 0 0"><geom size=".03"/></body>'
LEGS = "".join(link(f"leg{i}", hinge(f"hip{i}"), FOOT.format(i)) for i in range(4))
QUADRUPED = (
    f'<body name="trunk" pos="0 0 .6"><freejoint/><geom type="box" size=".3 .2 .1"/>{LEGS}</body>'
)

SHORT, METRE = 'range="0 .04"', 'range="-1 1"'
FINGERS = "".join(
    f'<body name="f{i}" pos=".05 0 0">{slide(f"finger{i}", "0 1 0", SHORT)}<geom size=".01"/></body>'
    for i in range(2)
)
GRIPPER = f'<body name="palm" pos=".4 0 0"><geom size=".03"/>{{}}{FINGERS}</body>'
JAW = f'<body name="wrist" pos=".4 0 0">{hinge("w")}<geom size=".02"/><body name="mover">{hinge("Jaw")}<geom size=".02"/></body></body>'
HAND = '<body name="palm" pos=".4 0 0"><geom size=".03"/>{}</body>'.format(
    "".join(link(f"f{i}", hinge(f"knuckle{i}"), length=0.05) for i in range(3))
)

CARTPOLE = f'<body name="cart">{slide("slider", "1 0 0", METRE)}<geom size=".1"/>{link("pole", hinge("hinge", limits=""))}</body>'

SPINNER = f'<body name="spinner" pos="1 0 1">{hinge("spin", limits="")}<geom type="capsule" fromto="-.1 0 0 .1 0 0" size=".02"/></body>'
CUBE = '<body name="{}" pos="{} 0 .05"><freejoint/><geom type="box" size=".03 .03 .03"/></body>'
PUCK = f'<body name="puck" pos="1 0 .1">{slide("px", "1 0 0")}{slide("py", "0 1 0")}<geom size=".05"/></body>'
GHOST = f'<body name="ghost" pos="1 0 .1">{slide("gx", "1 0 0")}<geom size=".05" contype="0" conaffinity="0"/></body>'

DRONE = '<body name="drone" pos="0 0 1"><freejoint/><geom type="box" size=".2 .2 .05"/><site name="rotor"/></body>'
THRUST = '<actuator><motor site="rotor" gear="0 0 1 0 0 0"/></actuator>'

# a rope in line with the joint: its lever arm is zero where the model begins
ROPE = f"""<site name="anchor" pos="0 0 1"/><body name="link" pos="0 0 .5">{hinge("arm")}
<geom type="capsule" fromto="0 0 0 0 0 -.4" size=".03"/><site name="low" pos="0 0 -.3"/></body>"""
ROPED = """<tendon><spatial name="rope"><site site="anchor"/><site site="low"/></spatial></tendon>
<actuator><motor tendon="rope"/></actuator>"""

MOCAP = '<body name="handle" mocap="true" pos=".8 0 1"><geom size=".01" contype="0" conaffinity="0"/></body>'
WELD = '<equality><weld body1="handle" body2="fore"/></equality>'

LIFTS = "".join(
    f'<site name="r{i}" pos="{x} {y} 0"/>'
    for i, (x, y) in enumerate([(0.2, 0.2), (0.2, -0.2), (-0.2, 0.2), (-0.2, -0.2)])
)
QUADROTOR = f'<body name="drone" pos="0 0 1"><freejoint/><geom type="box" size=".2 .2 .05" mass="1"/>{LIFTS}</body>'
LIFTED = "".join(f'<motor site="r{i}" gear="0 0 1 0 0 0" ctrlrange="0 7"/>' for i in range(4))
