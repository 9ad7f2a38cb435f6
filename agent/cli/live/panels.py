"""What can be touched: sliders that pose the goal, and pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_mpc.agent.cli.live.snapshot import Snapshot
from latent_mpc.envs.adapters.places import body_names
from latent_mpc.envs.task import Task

if TYPE_CHECKING:
    from latent_mpc.agent.cli.live.page import Page

STRONGEST = 10.0  # push [weights of what is pushed]
DIRECTIONS = {"← −x": (-1, 0, 0), "+x →": (1, 0, 0), "↓ −y": (0, -1, 0), "+y ↑": (0, 1, 0)}
SETTLED = 1e-3  # of a slider's range: nearer to the goal it is not moved


def goal_panel(page: Page) -> None:
    """A slider for each number of the goal's pose; it follows a goal that is set elsewhere."""
    gui, session = page.server.gui, page.session
    made: list[tuple[Any, Any]] = []
    with gui.add_folder("Goal: click into the scene, or pose it", expand_by_default=False):
        qpos = session.task.qpos_qvel(session.goal)[0]
        for one in session.poser.sliders():
            slider = gui.add_slider(
                one.name,
                round(one.low, 4),
                round(one.high, 4),
                round((one.high - one.low) / 200, 4),
                float(np.clip(qpos[one.position], one.low, one.high)),
                hint=f"of the green ghost [{one.unit}]",
            )

            def drag(event: Any, slider: Any = slider, position: int = one.position) -> None:
                if event.client is not None:  # else the page itself moved it
                    page.ask(
                        session.set_goal_pose, {position: slider.value}, key=("pose", position)
                    )

            slider.on_update(page.guard(drag))
            made.append((one, slider))

    last: list[np.ndarray] = [qpos]

    def follow(snapshot: Snapshot) -> None:
        goal = session.task.qpos_qvel(snapshot.goal)[0]
        if np.array_equal(goal, last[0]) and not page.refused:
            return
        last[0] = goal
        for one, slider in made:
            value = float(np.clip(wrapped(goal[one.position], one), one.low, one.high))
            if abs(slider.value - value) > SETTLED * (one.high - one.low):
                slider.value = value

    page.readers.append(follow)


def wrapped(value: float, one: Any) -> float:
    """An angle within half a turn of zero, where the slider's ends are that."""
    if one.unit == "rad" and one.low == -np.pi and one.high == np.pi:
        return float((value + np.pi) % (2 * np.pi) - np.pi)
    return float(value)


def push_panel(page: Page) -> None:
    """A body, a force and a direction."""
    gui, session = page.server.gui, page.session
    bodies = pushable(session.task)
    if not bodies:
        return
    with gui.add_folder("Push", expand_by_default=False):
        body = gui.add_dropdown("what", tuple(bodies), hint="what is pushed")
        most = max(strongest(session.task, number) for number in bodies.values())
        force = gui.add_slider("force", 0.0, most, most / 100, most / 4, hint="[N], for 0.3 s")
        ways = gui.add_button_group("towards", tuple(DIRECTIONS))
        ways.on_click(
            page.guard(
                lambda event: page.ask(
                    session.set_push,
                    bodies[body.value],
                    force.value * np.array(DIRECTIONS[ways.value]),
                )
            )
        )


def pushable(task: Task) -> dict[str, int]:
    """Bodies that move, with a mass, by name."""
    model, names = task.model, body_names(task.model)
    moves = (model.body_weldid != 0) & (model.body_mass > 0) & (model.body_mocapid < 0)
    return {names[int(body)]: int(body) for body in np.flatnonzero(moves)}


def strongest(task: Task, body: int) -> float:
    """Of the pushes that a body is given [N], in two digits."""
    gravity = max(float(np.linalg.norm(task.model.opt.gravity)), 9.81)
    tree = int(task.model.body_rootid[body])
    return float(f"{STRONGEST * gravity * float(task.model.body_subtreemass[tree]):.2g}")
