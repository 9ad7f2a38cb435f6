"""The results table of the README, from the results.json files kept in docs/results: `python docs/results_table.py` puts it there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"


def table() -> str:
    """Markdown, one row per results.json."""
    head = "| task | sees | reached at the end | any time | random / still | one decision | trained from nothing in | training seed |"
    lines = [head, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    return "\n".join(lines + [row(json.loads(path.read_text(encoding="utf-8"))) for path in sorted((HERE / "results").glob("*.json"))])


def row(result: dict[str, Any]) -> str:
    """One line: rates in percent, the interval behind the headline."""
    end, floors = result["success_end"], result["floors"]
    cells = [
        result["task"],
        result["obs"],
        f"**{percent(end['rate'])} %** ({percent(end['low'])} to {percent(end['high'])})",
        f"{percent(result['success_any']['rate'])} %",
        f"{percent(floors['random']['rate'])} / {percent(floors['stay']['rate'])} %",
        f"{result['plan_ms']['median']:.0f} ms",
        minutes(result["checkpoint"].get("train_seconds")),
        str(result["checkpoint"]["seed"]),
    ]
    return f"| {' | '.join(cells)} |"


def minutes(seconds: float | None) -> str:
    return f"{seconds / 60:.0f} min" if seconds else "not measured"


def percent(rate: float) -> str:
    return f"{100 * rate:.0f}"


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(re.sub(f"{BEGIN}.*{END}", f"{BEGIN}\n{table()}\n{END}", text, flags=re.DOTALL), encoding="utf-8")
