"""`latent-mpc tasks` on a model of the user's: what can be named, and the goal that follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from latent_mpc.agent.cli import main as cli

ARM = str(Path(__file__).parents[4] / "docs" / "examples" / "three_joint_arm.xml")


def test_of_a_file_everything_that_can_be_named_and_the_goal_are_listed(capsys):
    assert cli.main(["tasks", f"task.xml={ARM}"]) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "joints",
        "  turn                         hinge  -2.09 to 2.09 rad    driven",
        "  shoulder                     hinge  -1.4 to 1.4 rad      driven",
        "  elbow                        hinge  -2.09 to 2.09 rad    driven",
        "sites",
        "  tip",
        "bodies",
        "  base upper lower",
        "roles",
        "  driven    turn, shoulder, elbow",
        "  tool      lower",
        "goal",
        "  site:tip:0.02  (task.success='[site:tip:0.02]')",
    ]


def test_of_an_id_its_object_and_its_marker_are_told(capsys):
    assert cli.main(["tasks", "task=gymnasium", "task.id=Pusher-v5"]) == 0
    out = capsys.readouterr().out
    assert "  object    object\n  marker    goal\ngoal\n  body:object.xy:0.071  (task.s" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task.xml=none.xml"], "no MJCF file 'none.xml'; give one: task.xml=my_robot.xml"),
        (["task.id=Pushr-v5"], "no environment 'Pushr-v5': did you mean Pusher-v5"),
        (["reacher"], "tasks takes nothing, or a model: task.xml=FILE or task.id=ID, got 'reach"),
        (["task=mjcf", "task.id=Pusher-v5"], "tasks takes nothing, or a model"),
    ],
)
def test_what_is_no_model_ends_with_2_and_one_line(words, said, capsys):
    assert cli.main(["tasks", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
