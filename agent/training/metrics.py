"""What a training run logs: `metrics.jsonl`, and TensorBoard where the `track` extra is
installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latent_mpc.envs.files import json_lines, replace, unwritten


class Metrics:
    """Lines of json, one per logged step; lines after the point of resumption are dropped.
    TensorBoard, if installed, gets them too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._board: Any = None

    def rewind(self, phase: str, step: int) -> None:
        """Forget what this phase logged from `step` on, and half-written lines."""
        if self.path.exists():
            kept = [
                line for line in self.read() if line["phase"] != phase or float(line["step"]) < step
            ]
            replace(self.path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def append(self, **values: float | int | str) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:  # a full disk; the half of a line is dropped when the run goes on
            raise unwritten(self.path, error) from error
        self._show(values)

    def _show(self, values: Mapping[str, float | int | str]) -> None:
        if self._board is None:
            self._board = _tensorboard(self.path.parent)
        for name, value in values.items():
            if self._board and name not in ("phase", "step"):
                self._board.add_scalar(f"{values['phase']}/{name}", value, values["step"])

    def read(self) -> list[dict[str, float | int | str]]:
        """Every whole line; none if nothing was logged yet."""
        return [line for line in json_lines(self.path) if {"phase", "step"} <= line.keys()]


def _tensorboard(folder: Path) -> Any:
    """A writer into `folder/tensorboard`, or False where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return False
    return SummaryWriter(str(folder / "tensorboard"))
