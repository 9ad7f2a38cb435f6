"""Collecting: the same bytes however it was done, and one line when something goes wrong."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import Job, collect, record, replay
from latent_mpc.envs.reacher import Reacher
from latent_mpc.envs.registry import TASKS
from latent_mpc.envs.rollouts.quarantine import quarantined
from latent_mpc.envs.rollouts.reader import Rollouts


def run(out: Path, episodes: int, **changes: Any) -> Rollouts:
    options: dict[str, Any] = {
        "task_options": {},
        "obs": ("state",),
        "behaviour": BehaviourConfig(),
        "seed": 0,
        "workers": 1,
        "steps": 12,
    }
    return collect("reacher", episodes=episodes, out=out, progress=False, **{**options, **changes})


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "rollouts.lock"}


def test_the_bytes_do_not_depend_on_workers_or_interruptions(tmp_path: Path) -> None:
    one = run(tmp_path / "one", 9, obs=("state", "pixels"), task_options={"size": 16})
    run(tmp_path / "two", 4, obs=("pixels", "state"), task_options={"size": 16})
    run(tmp_path / "two", 9, obs=("pixels", "state"), task_options={"size": 16}, workers=2)
    assert len(one) == 9
    assert one.verify() == []
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_on_a_single_core_too_another_process_records_and_this_one_watches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    monkeypatch.setattr(
        "latent_mpc.envs.collection.collect._in_process",
        lambda *_: pytest.fail("recorded in this process"),
    )
    run(tmp_path / "watched", 2, workers=None)
    monkeypatch.undo()
    run(tmp_path / "here", 2)
    assert contents(tmp_path / "watched") == contents(tmp_path / "here")


def test_an_episode_is_what_the_task_does_with_its_actions(tmp_path: Path) -> None:
    rollouts, task = run(tmp_path / "r", 2, steps=None), Reacher()
    episode = rollouts.episode(1)
    assert rollouts.lengths.tolist() == [task.episode_steps] * 2
    assert set(episode) == {"state", "action", "physics"}
    task.restore(episode["physics"][0])
    for t, action in enumerate(episode["action"]):
        np.testing.assert_array_equal(task.snapshot(), episode["physics"][t])
        np.testing.assert_array_equal(task.observation()["state"], episode["state"][t])
        task.apply(action)
    assert not episode["action"][-1].any()
    assert episode["action"][:-1].any()
    assert not task.qpos_qvel(episode["physics"][0])[1].any(), "it starts at rest"


def test_an_episode_depends_on_its_number_and_the_seed_only(tmp_path: Path) -> None:
    rollouts = run(tmp_path / "r", 3)
    job = Job("reacher", {}, ("state",), BehaviourConfig(), 0, 12)
    alone = record(job.make(), job, 2)
    for key, array in rollouts.episode(2).items():
        np.testing.assert_array_equal(alone[key], array)
    started = [
        rollouts.episode(0),
        rollouts.episode(1),
        alone,
        run(tmp_path / "s", 1, seed=1).episode(0),
    ]
    assert len({episode["state"][0].tobytes() for episode in started}) == 4


def test_the_meta_data_say_how_it_was_collected(tmp_path: Path) -> None:
    meta = run(tmp_path / "r", 1, obs=("pixels",), task_options={"size": 16}).meta
    assert meta["task"] == {"name": "reacher", "options": {"size": 16}}
    assert meta["seed"] == 0
    assert meta["steps"] == 12
    assert meta["spaces"]["observation"] == {"pixels": {"dtype": "uint8", "shape": [16, 16, 3]}}
    assert meta["spaces"]["action"]["shape"] == [2]
    assert meta["behaviour"]["correlation"] == 0.3
    assert set(meta["versions"]) == {"latent-mpc", "mujoco", "numpy"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 1}, "seed = 0, asked for 1"),
        (
            {"behaviour": BehaviourConfig(correlation=0.5)},
            "behaviour.correlation = 0.3, asked for 0.5",
        ),
        ({"task_options": {"size": 32}}, "task.options.size = null, asked for 32"),
        ({"obs": ("pixels",)}, r'obs = \["state"\], asked for \["pixels"\]'),
        ({"steps": 13}, "steps = 12, asked for 13"),
    ],
)
def test_going_on_with_something_else_is_refused_by_the_key(
    tmp_path: Path, changes: dict, message: str
) -> None:
    run(tmp_path / "r", 1)
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "r", 2, **changes)


def test_a_folder_with_enough_episodes_is_left_alone(tmp_path: Path) -> None:
    run(tmp_path / "r", 3)
    before = contents(tmp_path / "r")
    assert len(run(tmp_path / "r", 2, workers=4)) == 3
    assert contents(tmp_path / "r") == before


def test_bad_input_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match=r"no task 'reachr'; there are: .*reacher"):
        collect("reachr", {}, ("state",), BehaviourConfig(), 2, 0, tmp_path / "r", workers=1)
    with pytest.raises(ValueError, match="obs must be one or more of state, pixels, got sound"):
        run(tmp_path / "r", 2, obs=("sound",))
    with pytest.raises(
        ValueError, match="episodes >= 1, seed >= 0 and steps >= 1, got 0, -1 and 12"
    ):
        run(tmp_path / "r", 0, seed=-1)
    assert not (tmp_path / "r").exists()


class Diverging(Reacher):
    """Its velocity leaves all bounds at the fifth step."""

    def restore(self, state: np.ndarray) -> None:
        super().restore(state)
        self.elapsed = 0

    def apply(self, action: np.ndarray) -> None:
        self.elapsed += 1
        if self.elapsed == 5:
            self.data.qvel[:] = 1e12
        super().apply(action)


def test_a_simulation_that_diverges_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where MuJoCo writes its log
    with pytest.raises(
        ValueError, match="the simulation diverged: MuJoCo reset itself within control step 4"
    ):
        record(Diverging(), Job("reacher", {}, ("state",), BehaviourConfig(), 0, 12), 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "said"), [(signal.SIGKILL, r"died \(exit code -9\)"), (signal.SIGSTOP, "hung for 2 s")]
)
def test_a_worker_that_dies_or_hangs_is_replaced_and_no_episode_is_another_for_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], sent: signal.Signals, said: str
) -> None:
    sender = threading.Thread(target=send_to_a_worker, args=(tmp_path / "r", sent))
    sender.start()
    rollouts = run(tmp_path / "r", 1500, workers=2, patience=2.0)
    sender.join()
    told = re.search(
        rf"a worker {said} at number (\d+); another takes its place, it is done again",
        capfd.readouterr().err,
    )
    assert told
    assert rollouts.numbers.tolist() == list(range(1500))
    assert rollouts.verify() == []
    job = Job("reacher", {}, ("state",), BehaviourConfig(), 0, 12)
    task = job.make()
    for number in range(max(0, int(told[1]) - 5), min(1500, int(told[1]) + 5)):
        np.testing.assert_array_equal(
            rollouts.episode(number)["physics"], record(task, job, number)["physics"]
        )
    assert not multiprocessing.active_children()


def send_to_a_worker(out: Path, sent: signal.Signals) -> None:
    wait_for_episodes(out, 2)  # so that both workers have replied
    os.kill(multiprocessing.active_children()[0].pid or 0, sent)


def wait_for_episodes(out: Path, count: int = 1, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (
        (out / "episodes.index").exists() and (out / "episodes.index").stat().st_size >= 60 * count
    ):
        time.sleep(0.02)


BAD_TASKS = """
import os, signal, sys
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
from latent_mpc.envs.reacher import Reacher
from latent_mpc.envs.registry import TASKS

class Wild(Reacher):  # explodes from some starts
    def restore(self, state):
        super().restore(state)
        self.left = 5 if state[1] > 1 else 100

    def apply(self, action):
        self.left -= 1
        if not self.left:
            self.data.qvel[:] = 1e12
        super().apply(action)

class Deadly(Reacher):  # kills its process from some starts
    def restore(self, state):
        super().restore(state)
        if state[1] > 2.5:
            os.kill(os.getpid(), signal.SIGKILL)

TASKS |= {"wild": Wild, "deadly": Deadly}
if __name__ == "__main__":
    for name, workers in (("wild", 1), ("wild", 2), ("deadly", 2)):
        collect(name, {}, ("state",), BehaviourConfig(), 12, 0, f"{name}-{workers}", workers=workers, progress=False, steps=12)
"""


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collections of two tasks that cannot be played from every start."""
    folder = tmp_path_factory.mktemp("spoilt")
    (folder / "bad_tasks.py").write_text(BAD_TASKS)
    done = subprocess.run(
        [sys.executable, "bad_tasks.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


def starts_above(name: str, angle: float) -> list[int]:
    """Episodes whose shoulder starts there."""
    states = [
        Reacher().draw_state(
            np.random.default_rng(np.random.SeedSequence([zlib.crc32(name.encode()), 0, i]))
        )
        for i in range(12)
    ]
    return [i for i, state in enumerate(states) if state[1] > angle]


@pytest.mark.slow
def test_an_episode_that_explodes_is_put_aside_with_all_it_depends_on(
    spoilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = starts_above("wild", 1.0)
    assert 2 <= len(expected) <= 8
    assert contents(spoilt / "wild-1") == contents(spoilt / "wild-2"), "the same with workers"
    assert sorted([*expected, *Rollouts(spoilt / "wild-1").numbers]) == list(range(12))
    lines = quarantined(spoilt / "wild-1")
    assert [line["number"] for line in lines] == expected
    assert {line["why"] for line in lines} == {
        "the simulation diverged: MuJoCo reset itself within control step 4"
    }
    assert (
        f"episode {expected[0]} of wild (seed 0) is left out: the simulation diverged"
        in (spoilt / "stderr").read_text()
    )
    monkeypatch.setitem(TASKS, "wild", Reacher)  # as it would be when mended
    again = replay(spoilt / "wild-1", expected[0])
    job = Job("wild", {}, ("state",), BehaviourConfig(), 0, 12)
    np.testing.assert_array_equal(again["physics"], record(Reacher(), job, expected[0])["physics"])
    with pytest.raises(KeyError, match="no episode 99 was put aside in .*; there are: "):
        replay(spoilt / "wild-1", 99)


@pytest.mark.slow
def test_an_episode_that_costs_three_workers_is_put_aside_and_the_run_goes_on(spoilt: Path) -> None:
    expected = starts_above("deadly", 2.5)
    assert 1 <= len(expected) <= 3
    lines = quarantined(spoilt / "deadly-2")
    assert [line["number"] for line in lines] == expected
    assert (
        lines[0]["why"]
        == "3 worker processes in succession failed at it, the last died (exit code -9)"
    )
    assert sorted([*expected, *Rollouts(spoilt / "deadly-2").numbers]) == list(range(12))


def test_where_no_episode_can_be_kept_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(TASKS, "reacher", Diverging)
    with pytest.raises(
        RuntimeError,
        match=(
            r"episode 9 of reacher .* failed: the simulation diverged.*and none before it could be"
            r" kept"
        ),
    ):
        run(tmp_path / "r", 50)
    with pytest.raises(RuntimeError, match="episode 1 of reacher"):
        run(tmp_path / "s", 2)
    assert len(quarantined(tmp_path / "r")) == 10
    monkeypatch.setitem(TASKS, "reacher", Reacher)
    assert len(run(tmp_path / "r", 2)) == 2, "mended, it goes on in the same folder"


SCRIPT = """
import sys
from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import collect
if __name__ == "__main__":
    try:
        collect("reacher", {}, ("state",), BehaviourConfig(), 100000, 0, sys.argv[1], workers=2)
    except KeyboardInterrupt as stop:
        print(stop)
"""


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "r")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for_episodes(tmp_path / "r")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
    out, err = process.communicate(timeout=30)
    assert (process.returncode, "Traceback" in err) == (0, False), err
    rollouts = Rollouts(tmp_path / "r")
    assert (
        out
        == f"stopped: {len(rollouts)} of 100000 episodes are in {tmp_path / 'r'}; the same command"
        " again goes on from there\n"
    )
    assert len(rollouts) > 0
    assert rollouts.verify() == []
