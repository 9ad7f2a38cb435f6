"""The README keeps its word: its Python runs, its commands compose, its numbers are those of
docs/results.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from latent_mpc.agent.checkpoints.shipped import shipped
from latent_mpc.agent.cli import help
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.configs import hydra_groups

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line for block in BLOCKS for line in block.splitlines() if line.startswith("latent-mpc ")
]


PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PRINTS = {  # of each Python block, by a word in it: what it prints
    "Agent.load": r"reached: True, 0\.\d+ m from the goal\n",
    "class Jerk": r"\[\[\[0\.0, 4\.0, 4\.0\]\]\]\n",
    "HillClimb": r"cost 0\.00\d\d after 384 rollouts\n",
}


@pytest.mark.parametrize("word", PRINTS)
def test_the_python_of_the_readme_does_what_it_says(word, capsys):
    (block,) = [block for block in PYTHON if word in block]
    exec(compile(block, "README.md", "exec", dont_inherit=True), {"__name__": "readme"})
    assert re.fullmatch(PRINTS[word], capsys.readouterr().out)


def test_every_python_block_is_run():
    assert [sum(word in block for word in PRINTS) for block in PYTHON] == [1] * len(PYTHON)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_that_the_console_script_takes(line):
    _, command, *settings = shlex.split(line)
    assert command in help.command_names() and command in hydra_groups.commands()
    compose_config(command, settings)


def test_every_make_target_and_every_linked_file_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target
    for link in re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(
        r"`((?:agent|envs|planners|configs|docs)/[\w./-]*)`", README
    ):
        assert (ROOT / link).exists(), link


def load(path):
    """A script of the checkout as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_results_tables_are_those_of_docs_results():
    module = load("benchmarks/tables/results_table.py")
    assert module.block(columns=module.FIVE) in README
    assert module.block() in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_the_figure_is_what_its_script_draws():
    assert (ROOT / "docs" / "figures" / "loop.svg").read_text(encoding="utf-8") == load(
        "docs/figures/loop.py"
    ).drawing()


def test_every_folder_of_the_tree_is_there_and_none_is_left_out():
    (tree,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    top, listed = "", set()
    for indent, name in re.findall(r"^( *)([a-z]+/)", tree, re.MULTILINE):
        top = top if indent else name
        listed.add(top + name if indent else name)
    there = {
        f"{path.parent.relative_to(ROOT)}/"
        for folder in ("agent", "envs")
        for path in (ROOT / folder).glob("*/*.py")
    }
    assert (
        there | {"agent/", "envs/", "planners/", "configs/", "benchmarks/", "docs/", "tests/"}
        == listed
    )


def test_prose_is_wrapped_at_a_hundred_columns():
    long = [
        line for line in README.splitlines() if len(line) > 100 and not line.startswith(("|", "!["))
    ]
    assert long == []


def test_shipped_checkpoints_are_small():
    sizes = {
        str(file.relative_to(ROOT)): file.stat().st_size
        for name in shipped()
        for file in (ROOT / "agent" / "checkpoints" / name).iterdir()
    }
    assert sizes and all(size <= 3 * 2**20 for size in sizes.values()), sizes
    assert sum(sizes.values()) <= 12 * 2**20, sizes
