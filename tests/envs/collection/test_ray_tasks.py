"""Tasks of a Ray cluster of two nodes with a core each on this machine, one of which is lost in
mid-work, against processes of this machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.evaluation import shards
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection import ray_tasks
from latent_mpc.envs.collection.collect import Job, collect, recorder
from latent_mpc.envs.collection.engines import make_engine
from latent_mpc.envs.collection.workers import Failed
from latent_mpc.envs.rollouts.reader import Rollouts
from tests.agent.evaluation.test_shards import SMALL, evaluated, same
from tests.envs.rollouts.rollout_files import contents
from tests.factories import refusal, write_checkpoint

pytestmark = pytest.mark.slow
EPISODES, STEPS = 12, 20
LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # "0": Ray takes 127.0.0.1 for this machine


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[Any, Any]]:
    """Two nodes; the second is the one to lose."""
    os.environ.update({**ray_tasks.QUIET, LOOPBACK: "0"})
    import ray  # which reads them once
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "node_ip_address": "127.0.0.1"},
    )
    second = made.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    made.wait_for_nodes()
    before = os.environ.get(ray_tasks.ADDRESS)
    os.environ[ray_tasks.ADDRESS] = made.address
    try:
        yield made, second
    finally:
        ray.shutdown()
        made.shutdown()
        os.environ.pop(ray_tasks.ADDRESS)
        os.environ.update({ray_tasks.ADDRESS: before} if before else {})


def collected(out: Path, **how: Any) -> Rollouts:
    return collect(
        "reacher",
        {},
        ["state"],
        BehaviourConfig(),
        EPISODES,
        3,
        out,
        steps=STEPS,
        progress=False,
        **how,
    )


def failing() -> Any:
    """Cannot do number 1."""
    return lambda number: 1 // (number - 1)


def test_a_node_lost_in_mid_work_costs_no_episode_and_no_byte(
    cluster: tuple[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes, second = cluster
    engine = make_engine("ray")
    assert engine.cores() == 2
    replies = list(engine.run(failing, range(3), 2, 300.0))
    assert replies[0] == -1 and replies[2] == 1
    assert replies[1] == Failed("ZeroDivisionError: integer division or modulo by zero")
    job = Job("reacher", {}, ("state",), BehaviourConfig(), 3, STEPS)
    work = engine.run(partial(recorder, job), range(EPISODES), 2, 300.0)
    episodes = [next(work) for _ in range(3)]
    nodes.remove_node(second, allow_graceful=False)
    episodes += work
    rollouts = collected(tmp_path / "local", workers=1)
    assert len(episodes) == len(rollouts) == EPISODES
    for i, episode in enumerate(episodes):
        for key, rows in rollouts.episode(i).items():
            np.testing.assert_array_equal(episode[key], rows)
    # and by the command, on the node that is left
    again = collected(tmp_path / "ray", engine="ray")
    assert again.checksums.tolist() == rollouts.checksums.tolist()
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")


def test_pairs_are_played_to_the_same_digits(
    cluster: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_checkpoint(tmp_path / "reacher", ["task=reacher", *SMALL.split()])
    here = evaluated(folder, make_engine("local"))
    monkeypatch.setattr(shards, "play_shard", lambda *_, **__: pytest.fail("played here"))
    same(here, evaluated(folder, make_engine("ray")))


def test_what_ray_cannot_do_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["collect", "task=reacher", "episodes=1", f"out={tmp_path / 'r'}"]
    assert "engine must be one of local, ray; got 'rey'" in refusal(capsys, *words, "engine=rey")
    with pytest.raises(ValueError, match="nobody answers at 127.0.0.1:1"):
        ray_tasks._require_reachable("127.0.0.1:1")
    monkeypatch.setattr(ray_tasks, "find_spec", lambda name: None)
    assert "pip install 'latent-mpc[cluster]'" in refusal(capsys, *words, "engine=ray")
    assert cli.main([*words, "workers=1"]) == 0
