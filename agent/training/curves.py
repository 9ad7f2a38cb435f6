"""A picture of the training curves, from metrics.jsonl."""

from __future__ import annotations

import io
import math
from pathlib import Path

from latent_mpc.agent.training.metrics import Metrics
from latent_mpc.envs.files import replace


def draw_curves(folder: Path) -> Path:
    """Write `curves.png`: every logged term against steps, one panel per phase. Returns its
    path.
    """
    from matplotlib.figure import Figure

    lines = Metrics(folder / "metrics.jsonl").read()
    phases = list(dict.fromkeys(str(line["phase"]) for line in lines))
    columns = max(1, len(phases))  # an empty picture if metrics.jsonl was removed
    figure = Figure(figsize=(4.5 * columns, 3.5), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis, phase in zip(axes, phases, strict=False):
        rows = [line for line in lines if line["phase"] == phase]
        for term in [key for key in rows[0] if key not in ("phase", "step")]:
            axis.plot(
                [row["step"] for row in rows],
                [row.get(term, math.nan) for row in rows],
                label=term,
                linewidth=1.2,
            )
        axis.set(title=phase.replace("_", " "), xlabel="step", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120, format="png")
    replace(folder / "curves.png", picture.getvalue())
    return folder / "curves.png"
