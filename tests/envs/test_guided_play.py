"""Play moves objects, needs one, and is a function of its seed."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from latent_mpc.envs.behaviour import BehaviourConfig
from latent_mpc.envs.collection.collect import Job, begin, record, suited
from latent_mpc.envs.guided_play import STRETCH, Play, motion
from latent_mpc.envs.registry import make

PLAY = BehaviourConfig("play")


def job(task: str, name: str, steps: int = 48) -> Job:
    return Job(task, {}, ("state",), BehaviourConfig(name), 0, steps)


def frames_moved(one: Job, episodes: int) -> float:
    """Share of frames in which the tabletop's object moved by more than 1 mm, by its joints."""
    task, shares = one.make(), []
    for number in range(episodes):
        place = task.qpos_qvel(record(task, one, number)["physics"])[0][:, 2:4]
        shares.append((np.linalg.norm(np.diff(place, axis=0), axis=1) > 1e-3).mean())
    return float(np.mean(shares))


@pytest.mark.slow
@pytest.mark.parametrize("task", ["tabletop-disc", "tabletop-cup"])
def test_objects_move_in_many_more_frames_than_by_noise(task: str) -> None:
    assert frames_moved(job(task, "play"), 5) > 0.25 > 0.1 > frames_moved(job(task, "coloured"), 5)


def test_the_same_seed_gives_the_same_bytes_whatever_was_played_before() -> None:
    one = job("tabletop-t", "play", 24)
    alone = record(one.make(), one, 3)
    task = one.make()
    record(task, one, 1)
    after = record(task, one, 3)
    for key, array in alone.items():
        assert array.tobytes() == after[key].tobytes(), key
    assert np.abs(alone["action"]).max() <= 1
    assert alone["action"].dtype == np.float32


def test_looking_ahead_leaves_the_task_where_it_is() -> None:
    task = make("tabletop-t")
    task.restore(task.draw_state(np.random.default_rng(0)))
    before, timestep = task.snapshot(), task.model.opt.timestep
    play = Play(np.random.default_rng(1), task, PLAY)
    for t in range(3 * STRETCH):
        play.action(t, task)
    assert task.snapshot().tobytes() == before.tobytes()
    assert task.model.opt.timestep == timestep
    assert play.ahead.model.opt.timestep == 2 * timestep


def test_where_actions_are_not_actuators_the_task_itself_looks_ahead() -> None:
    """As where an environment moves a gripper by inverse kinematics of its own."""
    task = make("tabletop-t")
    task.actuator_range = lambda: None  # type: ignore[method-assign]
    task.restore(task.draw_state(np.random.default_rng(0)))
    play, moved = Play(np.random.default_rng(1), task, PLAY), []
    for t in range(10 * STRETCH):
        before = task.snapshot()
        action = play.action(t, task)
        assert task.snapshot().tobytes() == before.tobytes()
        task.apply(action)
        moved.append(task.qpos_qvel(task.snapshot())[0][2:4])
    assert np.linalg.norm(moved[-1] - moved[0]) > 0.02


def test_the_sequence_that_is_played_moves_the_object_most_or_comes_nearest() -> None:
    task = make("tabletop-disc")
    state = task.draw_state(np.random.default_rng(0))
    task.restore(state)
    play = Play(np.random.default_rng(0), task, PLAY)
    toward, away = (np.full((STRETCH, 2), sign) for sign in (1.0, -1.0))
    qpos = task.qpos_qvel(state)[0].copy()
    qpos[:] = -0.2, -0.2, 0.0, 0.0
    start = task.rest_state(qpos)
    moved, near = play._try(start, toward, 0.1)
    assert moved > 0.05
    assert near < 0.13
    assert play._try(start, away, 0.1)[0] == 0.0
    assert play._try(start, away, 0.1)[1] > near


def test_of_an_arm_those_parts_come_near_that_can_touch() -> None:
    pytest.importorskip("gymnasium.envs.mujoco")
    task = make("gymnasium", id="Pusher-v5")
    play = Play(np.random.default_rng(0), task, PLAY)
    bodies = {task.model.body(b).name for b in task.model.geom_bodyid[play.touching]}
    assert bodies == {"r_wrist_roll_link"}
    assert [task.model.body(b).name for b in play.objects] == ["object"]


def test_a_turn_counts_beside_the_way() -> None:
    task = make("tabletop-t")
    data = mujoco.MjData(task.model)
    mujoco.mj_kinematics(task.model, data)
    objects = np.array([task.model.body("object").id])
    place, attitude = data.xpos[objects].copy(), data.xquat[objects].copy()
    data.qpos[2:] = 0.03, 0.04, -0.5
    mujoco.mj_kinematics(task.model, data)
    assert motion(place, attitude, data, objects, 0.2) == pytest.approx([0.05 + 0.2 * 0.5])


def test_a_task_without_objects_is_refused() -> None:
    with pytest.raises(ValueError, match="behaviour play needs an object .* reacher has none"):
        begin(np.random.default_rng(0), 10, make("reacher"), PLAY)


def test_where_an_object_counts_play_is_what_suits_unless_another_is_asked_for() -> None:
    open_, noise = BehaviourConfig(), BehaviourConfig("coloured")
    assert suited(open_, make("tabletop-cup")).name == "play"
    assert suited(noise, make("tabletop-cup")).name == "coloured"
    assert suited(open_, make("reacher")).name == "coloured"
