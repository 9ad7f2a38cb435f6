"""Play with the robot, its goal and its dreams in a browser.

Serves a page on this machine and prints its address. Click into the scene or drag sliders to set a
goal, push the robot, turn the planner's knobs while it runs, drive it yourself, in the simulator or
in the model's dream, and keep what was done. Needs the extra: pip install 'latent-mpc[play]'.

Examples:
    latent-mpc play
    latent-mpc play checkpoint=pointmaze-medium-pixels speed=0.5
    latent-mpc play checkpoint=runs/reacher-state host=0.0.0.0 port=9000
"""

from __future__ import annotations

import contextlib
import secrets
from importlib.util import find_spec
from typing import Any

import numpy as np

from latent_mpc.agent.build import make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.cli.live.recording import command_line
from latent_mpc.agent.cli.live.session import Session
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.evaluation.results import require_folder
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import PlayConfig
from latent_mpc.envs.task import Pair


def run(config: PlayConfig) -> int:
    """Serve the page until Ctrl-C."""
    if find_spec("viser") is None:
        raise LatentMPCError(
            "play needs viser, which is not installed: pip install 'latent-mpc[play]'"
        )
    from latent_mpc.agent.cli.live.serve import serve

    require_folder(config.folder())
    session = make_session(config)
    with serve(
        session,
        host=config.host,
        port=config.port,
        token="" if config.local else secrets.token_urlsafe(16),
        folder=config.folder(),
        command=lambda: repeat(config, session),
        make_task=lambda: make_task(session.parts.config, task_id=config.task.id),
    ) as served:
        print(f"{served.address}  (Ctrl-C ends it)", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            served.page.run()
    counts = served.door.dropped + served.page.dropped + session.requests.dropped
    print(f"ended; {counts} messages and {served.door.refused} connections were turned away")
    return 0


def make_session(config: PlayConfig) -> Session:
    """The session that a command asks for. Raises ValueError for a start or goal that is no state
    of the robot.
    """
    parts = load_parts(config.checkpoint, resolve_device(config.device))
    task = make_task(parts.config, task_id=config.task.id)
    session = Session(
        parts, task, vars(config.planner), vars(config.cost), config.pairs, config.pair, config.seed
    )
    session.set_speed(config.speed)
    if config.start or config.goal:
        start = session.poser.pose_goal(np.array(config.start)) if config.start else session.state
        goal = session.poser.pose_goal(np.array(config.goal)) if config.goal else session.goal
        session.begin(Pair(start, goal))
    return session


def repeat(config: PlayConfig, session: Session) -> str:
    """The command line that begins with this start, this goal and these settings."""
    first = session.first
    others: dict[str, Any] = {"pairs.seed": config.pairs.seed, "pair": session.begun}
    if config.seed:
        others["seed"] = config.seed
    if session.speed != 1.0:
        others["speed"] = session.speed
    for key, now, then in (
        ("start", session.started, first.start),
        ("goal", session.goal, first.goal),
    ):
        if not np.array_equal(now, then):
            others[key] = [round(float(x), 6) for x in session.task.qpos_qvel(now)[0]]
    stored = compose_config("play", [f"checkpoint={config.checkpoint}"])
    return command_line(
        config.checkpoint,
        config.task.id,
        {"planner": vars(stored.planner), "cost": vars(stored.cost)},
        session.settings,
        others,
    )
