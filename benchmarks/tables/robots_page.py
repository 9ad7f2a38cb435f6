"""The page of `benchmarks.tables.robots`."""

from __future__ import annotations

from collections.abc import Sequence

HEAD = """# Robots of others

What `latent-mpc` takes public models for, and the goal that it gives them where `task.success` says nothing. Written by
`python -m benchmarks.tables.robots FOLDER…`; nothing was trained. The rule stands in [your-environment.md](your-environment.md), in `envs/adapters/roles.py` and in
`envs/adapters/default_goal.py`; `latent-mpc tasks task.xml=FILE` shows it for a model of yours. "As meant" was judged by eye, and is empty where nobody did.

| model | roles beside the driven joints | default goal, or the refusal | control step | episode [control steps] | as meant |
| --- | --- | --- | --- | --- | --- |
"""


def page(rows: Sequence[Sequence[str]]) -> str:
    """Markdown of the rows, in the order of the head."""
    cells = (
        "| " + " | ".join(cell.replace("|", "/") or "-" for cell in row) + " |" for row in rows
    )
    return HEAD + "\n".join(cells) + "\n"
