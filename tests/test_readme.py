"""The README keeps its word: its Python runs, its commands compose, its numbers are those of docs/results."""

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
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("latent-mpc ")]


def test_the_python_example_reaches_its_goal(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})
    assert re.match(r"reached: True, 0\.\d+ m from the goal", capsys.readouterr().out)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_is_one_that_the_console_script_takes(line):
    _, command, *settings = shlex.split(line)
    assert command in help.command_names() and command in hydra_groups.commands()
    compose_config(command, settings)


def test_every_make_target_and_every_linked_file_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target
    for link in re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r"`((?:agent|envs|planners|configs|docs)/[\w./-]*)`", README):
        assert (ROOT / link).exists(), link


def test_the_results_table_is_that_of_docs_results():
    spec = importlib.util.spec_from_file_location("results_table", ROOT / "benchmarks" / "tables" / "results_table.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert f"{module.BEGIN}\n{module.table()}\n{module.END}" in README


def test_shipped_checkpoints_are_small():
    sizes = {name: sum(f.stat().st_size for f in (ROOT / "agent" / "checkpoints" / name).iterdir()) for name in shipped()}
    assert sizes and all(size <= 3 * 2**20 for size in sizes.values()), sizes
    assert sum(sizes.values()) <= 12 * 2**20
