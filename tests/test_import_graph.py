"""Who may know whom: read from the source, so that imports within functions count too. Those for
types only do not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("planners", "configs", "envs", "agent", "benchmarks")
# Boxes of agent/, each knowing only those before it.
AGENT = (
    "ranks",
    "devices",
    "models",
    "heads",
    "costs",
    "agent",
    "oracle",
    "build",
    "checkpoints",
    "evaluation",
    "training",
    "horizon",
    "cli",
)
FILES = {
    path: path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
}


def module(path: Path) -> str:
    """`agent/costs.py` -> `agent.costs`."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path) for path in FILES.values()}


def imports(path: Path) -> Iterator[str]:
    """What a file imports, by full name; modules of ours without `latent_mpc.`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(node) for branch in ast.walk(tree) if _is_for_types(branch) for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.removeprefix("latent_mpc.") for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and id(node) not in for_types:
            home = node.module.removeprefix("latent_mpc.").removeprefix("latent_mpc")
            for name in node.names:
                inner = f"{home}.{name.name}".lstrip(".")
                yield inner if inner in MODULES else home


def _is_for_types(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


GRAPH = {module(path): set(imports(ROOT / path)) - {module(path)} for path in FILES.values()}


ARROWS = [(name, known) for name, all_known in GRAPH.items() for known in sorted(all_known)]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """What is left when everything that knows nothing of the rest is taken away, again and
    again.
    """
    left = {name: known & graph.keys() for name, known in graph.items()}
    while free := {name for name, known in left.items() if not known & left.keys()}:
        left = {name: known for name, known in left.items() if name not in free}
    return [sorted(left)] if left else []


def folder_of(name: str) -> str:
    """The folder at the top of the repository, or the package of another library."""
    return name.split(".")[0]


def box(name: str) -> str:
    """The folder of a module, or of one in agent/ the box."""
    first, *rest = name.split(".")
    return rest[0] if first == "agent" and rest else first


def test_no_module_knows_itself_by_way_of_others() -> None:
    assert circles(GRAPH) == []


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "torch"}, "d": set()}) == [["a", "b", "c"]]


def test_folders_know_those_below_them_only() -> None:
    ground = {"planners", "configs"}
    allowed = {"planners": ground, "configs": ground | {"envs"}, "envs": ground | {"envs"}}
    allowed |= {"agent": ground | {"envs", "agent"}, "benchmarks": set(FOLDERS)}
    ours = [(name, known) for name, known in ARROWS if known in MODULES]
    assert [
        (name, known) for name, known in ours if folder_of(known) not in allowed[folder_of(name)]
    ] == []


def test_boxes_of_agent_know_those_before_them_only() -> None:
    assert {box(name) for name in GRAPH if name.startswith("agent.")} == set(AGENT), (
        "at most twelve, in this order"
    )
    within = [
        (name, known)
        for name, known in ARROWS
        if name.startswith("agent.") and known.startswith("agent.")
    ]
    assert [
        (name, known) for name, known in within if AGENT.index(box(name)) < AGENT.index(box(known))
    ] == []


@pytest.mark.parametrize(
    ("folder", "strangers"),
    [
        ("planners", {"mujoco", "gymnasium", "envs", "agent"}),
        ("envs", {"torch", "agent"}),
        ("configs", {"torch", "mujoco", "agent"}),
    ],
)
def test_a_folder_does_not_know_strangers(folder: str, strangers: set[str]) -> None:
    assert [
        (name, known)
        for name, known in ARROWS
        if folder_of(name) == folder and folder_of(known) in strangers
    ] == []


def test_commands_know_no_commands() -> None:
    commands = "agent.cli.commands."
    assert [
        (name, known)
        for name, known in ARROWS
        if name.startswith(commands) and known.startswith(commands)
    ] == []
