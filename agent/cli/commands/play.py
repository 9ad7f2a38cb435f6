"""Play with the robot, its goal and its dreams in a browser.

Opens a page on this machine and prints its address. Click into the scene or drag sliders to set a
goal, push the robot, turn the planner's knobs while it runs, drive it yourself, in the simulator or
in the model's dream, and keep what was done. Needs the extra `play`: pip install 'latent-mpc[play]'.

Examples:
    latent-mpc play
    latent-mpc play checkpoint=pointmaze-medium-pixels speed=0.5
    latent-mpc play checkpoint=runs/reacher-state host=0.0.0.0 port=9000
"""

from __future__ import annotations

from importlib.util import find_spec

from latent_mpc.agent.build import make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.live.session import Session
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import PlayConfig


def run(config: PlayConfig) -> int:
    """Serve the page until Ctrl-C."""
    if find_spec("viser") is None:
        raise LatentMPCError("play needs viser, which is not installed: pip install 'latent-mpc[play]'")
    from latent_mpc.agent.live.page import Page, quiet
    import viser

    parts = load_parts(config.checkpoint, resolve_device(config.device))
    task = make_task(parts.config, task_id=config.task.id)
    session = Session(
        parts, task, vars(config.planner), vars(config.cost), config.pairs, config.pair, config.seed
    )
    session.set_speed(config.speed)
    with quiet():
        server = viser.ViserServer(config.host, config.port, verbose=False)
    title = f"{task.name} from {'+'.join(parts.config['spaces'])}"
    page = Page(session, server, title)
    session.start()
    print(f"http://{config.host}:{server.get_port()}/  (Ctrl-C ends it)", flush=True)
    try:
        page.run()
    except KeyboardInterrupt:
        pass
    finally:
        session.stop()
        with quiet():
            server.stop()
    return 0
