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
    """Markdown of the rows `[name, roles, goal, step, episode, meant]`, in the order of the head.
    Those that differ in their names alone are one, judged as one of them is; a line says how many
    goals are as meant.
    """
    alike: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    for name, *rest, meant in rows:
        names, judgements = alike.setdefault(tuple(rest), ([], []))
        names.append(name)
        judgements.append(meant)
    lines, taken, judged, good = [], 0, 0, 0
    for same, (names, judgements) in alike.items():
        meant = max(judgements)  # one that is not empty, if there is one
        cells = (", ".join(names), *same, meant)
        lines.append("| " + " | ".join(cell.replace("|", "/") or "-" for cell in cells) + " |")
        if not same[1].startswith("refused"):
            taken += len(names)
            judged += len(names) * bool(meant)
            good += len(names) * meant.startswith("yes")
    share = f"As meant: {good} of {judged} judged, of {taken} models that are not refused."
    return HEAD + "\n".join(lines) + f"\n\n{share}\n"
