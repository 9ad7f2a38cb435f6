"""Results side by side: the table's numbers by hand, and what is refused."""

import json
import re

from latent_mpc.agent.cli import main as cli
from latent_mpc.agent.evaluation.compare import compare, read_outcomes
from tests.factories import refusal


def write(folder, end, pairs="abc", seed=7, any_=None):
    folder.mkdir()
    told = {"task": "reacher", "pairs": {"kind": "independent", "seed": seed}}
    (folder / "results.json").write_text(
        json.dumps({**told, "outcomes": {"pairs": pairs, "end": end, "any": any_ or end}})
    )
    return str(folder)


def write_study(folder, rungs, pairs="abc"):
    folder.mkdir()
    told = {"task": "reacher", "pairs": {"kind": "independent", "seed": 0}}
    success = [
        {"role": "horizon", "label": label, "pairs_fingerprint": pairs, "end": end, "any": end}
        for label, end in rungs.items()
    ] + [
        {
            "role": "oracle",
            "label": "H = 1, oracle",
            "pairs_fingerprint": "other",
            "end": [1],
            "any": [1],
        }
    ]
    (folder / "horizon.json").write_text(json.dumps({**told, "success": success}))
    return str(folder)


def test_each_is_held_against_the_first_pair_by_pair(tmp_path, capsys):
    one, two = (
        write(tmp_path / "a", [1, 0, 0, 0]),
        write(tmp_path / "b", [1, 1, 1, 0], any_=[1, 1, 1, 1]),
    )
    rows = compare([*read_outcomes(one), *read_outcomes(two)])
    assert [row["end"]["rate"] for row in rows] == [0.25, 0.75]
    assert rows[1]["any"]["rate"] == 1.0
    assert rows[1]["against"] == one
    assert rows[1]["difference"]["mean"] == 0.5
    assert 0 <= rows[1]["difference"]["low"] < 0.5 < rows[1]["difference"]["high"] <= 1
    assert rows[0]["difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert cli.main(["compare", one, two]) == 0
    assert "+50.0" in capsys.readouterr().out


def test_studies_are_compared_horizon_by_horizon(tmp_path):
    one = write_study(tmp_path / "a", {"H = 1": [0, 0], "H = 3": [1, 0]})
    two = write_study(tmp_path / "b", {"H = 3": [1, 1], "H = 5": [1, 1]})
    rows = compare([*read_outcomes(one), *read_outcomes(two)])
    assert [(row["name"], row["against"], row["difference"]["mean"]) for row in rows] == [
        (f"{one}, H = 1", f"{one}, H = 1", 0.0),
        (f"{one}, H = 3", f"{one}, H = 1", 0.5),
        (f"{two}, H = 3", f"{one}, H = 3", 0.5),
        (f"{two}, H = 5", f"{one}, H = 1", 1.0),
    ]


def test_different_pairs_are_refused(tmp_path, capsys):
    one, two = write(tmp_path / "a", [1, 0]), write(tmp_path / "b", [1, 0], pairs="xyz", seed=0)
    said = refusal(capsys, "compare", one, two)
    assert re.match(
        r"results must be of the same pairs: .*a played 2 \(reacher, independent pairs of seed 7\),"
        r" .*b played 2 \(.* 0\)",
        said,
    )


def test_what_cannot_be_compared_is_said(tmp_path, capsys):
    one = write(tmp_path / "a", [1, 0])
    assert refusal(capsys, "compare", one) == "compare needs two results or more, got 1"
    assert refusal(capsys, "compare") == "compare needs two results or more, got 0"
    assert (
        refusal(capsys, "compare", one, "nowhere")
        == "nowhere must be a results.json, a horizon.json or a folder with one of them"
    )
    old = tmp_path / "old.json"
    old.write_text('{"task": "reacher", "pairs": {"kind": "independent", "seed": 7}}')
    assert refusal(capsys, "compare", one, str(old)).startswith(
        f"{old} does not hold the outcome of each pair; write it again with this version"
    )
