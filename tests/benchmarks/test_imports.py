"""Every measurement still starts: what it imports from the project is there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import benchmarks

HERE = Path(benchmarks.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(HERE).with_suffix("").parts) for path in HERE.rglob("[a-z]*.py")
)


@pytest.mark.parametrize("name", MODULES)
def test_imports(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").__doc__
