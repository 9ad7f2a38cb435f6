"""A session without a browser: what evaluation does, and what visitors ask for between two
steps.
"""

from __future__ import annotations

import math
import shlex
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from latent_mpc.agent.build import make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.cli.commands.play import make_session, repeat
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.cli.live import session as session_module
from latent_mpc.agent.cli.live.recording import numbered, write_clip
from latent_mpc.agent.cli.live.requests import QUEUED, Requests
from latent_mpc.agent.cli.live.session import BOTH, DREAM, SIMULATOR, Session
from latent_mpc.agent.evaluation.episodes import begin
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.agent.heads.decoder import Decoder, DecoderConfig
from latent_mpc.agent.heads.head import Sizes
from latent_mpc.envs.rollouts.reader import Rollouts
from tests.factories import write_checkpoint

SMALL = [
    *("task=reacher", "model=jepa", "model.hidden=16", "model.latent=8", "model.embedding=8"),
    *("cost_to_go.hidden=16", "cost_to_go.metric=8", "planner.horizon=3", "planner.samples=8"),
    *("planner.iterations=2", "planner.elites=4"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("small") / "reacher", SMALL)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that decides for two control steps at once."""
    folder = tmp_path_factory.mktemp("slow") / "reacher"
    return write_checkpoint(folder, [*SMALL, "task.action_repeat=2"])


def session_of(checkpoint: Path, *words: str) -> Session:
    return make_session(compose_config("play", [f"checkpoint={checkpoint}", *words]))


def done(session: Session, request, *values) -> list[str]:
    """Ask for something; the notices of the step before which it was done."""
    session.notices.clear()
    session.submit(lambda: request(*values))
    session.tick()
    return list(session.notices)


@pytest.mark.parametrize("which", ["checkpoint", "slow"])
def test_untouched_it_acts_as_evaluation_does_to_the_bit(which, request):
    folder = request.getfixturevalue(which)
    config = compose_config("play", [f"checkpoint={folder}", "pairs.seed=7", "pair=2"])
    session = make_session(config)
    parts = load_parts(folder)
    task = make_task(parts.config)
    agent = make_agent(parts, planner=vars(config.planner), cost=vars(config.cost), seed=0)
    pairs = draw_pairs(task, 3, 7)
    expected = begin(agent, task, pairs.pairs[2:], task.episode_steps)
    for step in expected:
        assert np.array_equal(session.tick().after, step.after[0])
    # the episode is over: another goal, from where the robot is
    assert not np.array_equal(session.goal, pairs.pairs[2].goal)
    assert np.array_equal(session.goal, session.drawn(3).goal)


def test_a_value_that_does_not_fit_is_refused_by_the_dataclass_and_changes_nothing(checkpoint):
    session = session_of(checkpoint)
    before, agent = session.settings, session.agent
    for group, key, value, message in (
        ("planner", "samples", 1, "samples must be at least 2, got 1"),
        ("planner", "samples", "many", "planner.samples must be an integer, got 'many'"),
        ("planner", "horizon", 0, "horizon must be at least 1"),
        ("planner", "nothing", 1, "no key 'nothing'"),
        ("planner", "name", "pem", "no planner 'pem'"),
        ("cost", "running", -1.0, "running and terminal must be at least 0"),
        ("cost", "terms", ["efort:1"], "no cost term 'efort'; there are: effort, speed"),
        ("cost", "disagreement", 1.0, "needs an ensemble"),
    ):
        (notice,) = done(session, session.set_setting, group, key, value)
        assert message in notice
        assert session.settings is before and session.agent is agent


def test_a_knob_turns_while_it_runs_and_nothing_seen_is_forgotten(checkpoint):
    session = session_of(checkpoint)
    for _ in range(4):
        session.tick()
    memory = session.agent.episodes.memory
    session.set_setting("planner", "horizon", 5)
    session.set_setting("planner", "name", "mppi")
    session.set_setting("cost", "terms", ["effort:0.5"])
    assert session.agent.planner.algorithm.name == "mppi"
    assert session.agent.planner.horizon == 5
    assert torch.equal(session.agent.episodes.memory.z, memory.z)
    snapshot = session.tick()
    assert snapshot.path.shape == (6, 3) and math.isfinite(snapshot.numbers.cost)
    assert snapshot.settings["cost"]["terms"] == ["effort:0.5"]


def test_a_goal_set_by_hand_stays_and_one_that_is_no_state_is_refused_in_a_line(checkpoint):
    session = session_of(checkpoint)
    assert done(session, session.set_goal_pose, {0: 1.0, 1: -0.5}) == []
    assert session.task.qpos_qvel(session.goal)[0] == pytest.approx([1.0, -0.5])
    for _ in range(session.task.episode_steps + 2):
        session.tick()
    kept = session.goal
    assert session.task.qpos_qvel(kept)[0] == pytest.approx([1.0, -0.5])
    (notice,) = done(session, session.set_goal_pose, {1: 2.9})
    assert notice == "elbow must be within -2.6 and 2.6, got 2.9"
    (notice,) = done(session, session.set_goal_on_ray, (0, 0, 1), (1, 0, -1))
    assert "(0.97, 0, 0.03) m is out of reach" in notice
    (notice,) = done(session, session.set_goal_on_ray, (0, 0, 1), (0, 0, 1))
    assert "a click must meet the plane of the goals" in notice
    assert session.goal is kept


def test_a_click_sets_a_goal_that_is_then_reached():
    session = session_of(Path("reacher-pixels"))
    assert done(session, session.set_goal_on_ray, (0.0, 0.0, 1.0), (0.1, 0.15, -1.0)) == []
    goal = session.task.tracked_point(session.goal)
    assert goal == pytest.approx([0.097, 0.1455, 0.03], abs=1e-3)
    assert any(session.tick().reached for _ in range(40))


def test_a_push_moves_the_robot_and_ends(checkpoint):
    session, untouched = session_of(checkpoint), session_of(checkpoint)
    for one in (session, untouched):
        one.drive(True)
    body = session.task.model.body("forearm").id
    done(session, session.set_push, body, np.array([0.0, 20.0, 0.0]))
    untouched.tick()
    assert not np.allclose(session.state, untouched.state)
    for _ in range(3):
        session.tick()
    assert session.push is None
    session.task.restore(session.state)
    assert not session.task.data.xfrc_applied.any()


def test_time_stands_still_and_goes_on_step_by_step(checkpoint):
    session = session_of(checkpoint)
    session.tick()
    session.pause()
    before = session.state
    session.tick()
    assert session.state is before
    session.step_once()
    session.tick()
    after = session.state
    assert after is not before
    session.tick()
    assert session.state is after
    (notice,) = done(session, session.set_speed, 9.0)
    assert "speed must be within" in notice


def test_hands_move_the_robot_and_the_agent_remembers_what_they_did(checkpoint):
    session = session_of(checkpoint)
    session.drive(True)
    for _ in range(6):
        session.hands.press(0, 1.0)
        snapshot = session.tick()
    assert snapshot.driving and math.isnan(snapshot.numbers.cost) and len(snapshot.path) == 0
    assert session.task.qpos_qvel(session.state)[1][0] > 1.0  # [rad/s]
    assert session.agent.episodes.plan[0, 0].tolist() == [1.0, 0.0]
    for _ in range(20):  # no key any more
        session.tick()
    assert abs(session.task.qpos_qvel(session.state)[1][0]) < 0.5
    session.drive(False)
    assert math.isfinite(session.tick().numbers.cost)


def test_a_dream_answers_keys_without_a_simulator(monkeypatch):
    session = session_of(Path("reacher-pixels"))
    for _ in range(3):
        session.tick()
    session.set_world(DREAM)
    monkeypatch.setattr(session_module, "steps", None)  # nobody simulates
    z = session.dream.memory.z
    expected = session.parts.model.imagine(session.dream.memory, torch.tensor([[[[1.0, 0.0]]]]))[
        0, 0, 0, 0
    ]
    session.hands.press(0, 1.0)
    before = session.state
    snapshot = session.tick()
    assert session.state is before
    assert torch.allclose(session.dream.memory.z[0], expected) and not torch.equal(z[0], expected)
    assert snapshot.dream.steps == 1
    place = session.parts.probe(expected).detach().numpy()
    assert snapshot.dream.place == pytest.approx(place, abs=1e-5)


def test_where_there_is_a_decoder_a_dream_is_a_picture():
    session = session_of(Path("reacher-pixels"))
    model = session.parts.model
    sizes = Sizes(model.latent, model.actions, model.shapes)
    decoder = Decoder(sizes, DecoderConfig(steps=1)).eval()
    session.parts.heads["decoder"] = decoder
    session.tick()
    session.set_world(DREAM)
    session.hands.press(0, 1.0)
    picture = session.tick().dream.picture
    with torch.no_grad():
        expected = decoder(session.dream.memory.z)[0].numpy()
    assert picture.shape == (64, 64, 3) and np.array_equal(picture, expected)


def test_a_clip_shows_the_last_seconds(tmp_path):
    session = session_of(Path("reacher-pixels"))
    for _ in range(4):
        session.tick()
    moments = list(session.history)
    path = write_clip(
        numbered(tmp_path, "clip", ".mp4"),
        make_task(session.parts.config),
        [moment.after for moment in moments],
        [moment.path for moment in moments[1:]],
        session.goal,
        "reacher",
    )
    assert path.name == "clip-1.mp4" and len(iio.imread(path)) >= 5
    assert numbered(tmp_path, "clip", ".mp4").name == "clip-2.mp4"


def test_a_dream_begins_with_a_model_step_and_moves_with_whole_ones(slow):
    session = session_of(slow)
    session.tick()  # half a model step
    session.set_world(DREAM)
    assert session.dream is None
    session.tick()
    session.tick()
    assert session.dream is not None and session.world == DREAM
    while session.dream.steps < 2:
        session.tick()


def test_side_by_side_the_dream_starts_where_the_simulator_is_and_parts_from_it():
    session = session_of(Path("reacher-pixels"))
    for _ in range(3):
        session.tick()
    session.set_world(BOTH)
    errors = []
    for _ in range(25):
        session.hands.press(0, 0.8)
        errors.append(session.tick().numbers.dream_error)
    assert errors[0] < 0.02 and session.latest.dream.steps == 25
    if session.latest.dream.parted:
        assert max(errors) > 0.02
    session.drive(False)
    assert session.world == SIMULATOR and session.tick().dream is None


def test_what_is_recorded_is_a_folder_of_rollouts(checkpoint, tmp_path):
    session = session_of(checkpoint)
    folder = tmp_path / "rollouts"
    assert done(session, session.record, folder) == []
    states = [session.latest.before, session.state]
    for _ in range(4):
        states.append(session.tick().after)
    done(session, session.next_pair)  # an episode ends here
    (notice,) = done(session, session.record, folder)
    assert notice == f"wrote 6 steps; {folder} holds 2 episodes"
    rollouts = Rollouts(folder)
    assert rollouts.lengths.tolist() == [5, 1]
    assert rollouts.meta["behaviour"] == {"name": "played by hand"}
    assert np.array_equal(rollouts.episode(0)["physics"], states)


def test_the_command_line_begins_the_same_again(checkpoint):
    config = compose_config("play", [f"checkpoint={checkpoint}", "pair=1"])
    session = make_session(config)
    session.set_setting("planner", "name", "mppi")
    session.set_setting("planner", "samples", 16)
    session.set_setting("cost", "terms", ["effort:0.5"])
    session.set_goal_pose({0: 1.0, 1: -0.5})
    line = repeat(config, session)
    assert "samples=16" in line and "goal=[1.0,-0.5]" in line and "iterations" not in line
    _, command, *words = shlex.split(line)
    again = make_session(compose_config(command, words))
    assert again.settings == session.settings
    assert np.array_equal(again.state, session.state)
    assert again.goal == pytest.approx(session.goal)


def test_of_requests_with_one_key_the_last_counts_and_a_flood_is_dropped():
    requests, seen = Requests(), []
    for number in range(5):
        requests.put(lambda number=number: seen.append(number), "slider")
    for _ in range(2 * QUEUED):
        requests.put(lambda: seen.append("more"))
    for request in requests.take():
        request()
    assert seen == [4, *["more"] * (QUEUED - 1)] and requests.dropped == QUEUED + 1
