"""Results by content: what was evaluated before, here or on another machine, is not evaluated
again.

One folder of json files, each named by a hash of all that it depends on; arrays beside them as npz,
without pickle. Files are written whole or not at all, so that a killed sweep goes on with what it
had, and folders of several machines can be read together. The folder is `cache/` within what a
command writes, wherever it is called from; `reuse` names other folders whose results count too.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from latent_mpc.agent.evaluation.results import make_folder
from latent_mpc.envs.files import replace

FOLDER = "cache"


class Cache:
    """Results by the hash of what they depend on.

    Args:
        folder: where new results go.
        more: other folders to look into, such as those of other machines.
    """

    def __init__(self, folder: Path, more: Sequence[Path] = ()) -> None:
        self.folder, self.folders = folder, (folder, *more)
        folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def within(cls, out: Path, reuse: Sequence[str] = ()) -> Cache:
        """The cache of a folder that a command writes. Raises FileNotFoundError if one of those to
        reuse has none, OSError if it cannot be written; nothing is written before.
        """
        more = [Path(path) / FOLDER for path in reuse]
        for path in more:
            if not path.is_dir():
                raise FileNotFoundError(
                    f"reuse must name folders with a {FOLDER}/ that latent-mpc wrote; {path.parent}"
                    f" holds no {FOLDER}"
                )
        make_folder(out)
        return cls(out / FOLDER, more)

    def read(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The result kept under this key, or None. A damaged file counts as none."""
        for folder in self.folders:
            try:
                content = json.loads((folder / f"{address(key)}.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(content, dict) and isinstance(content.get("result"), dict):
                return content["result"]
        return None

    def write(
        self,
        key: Mapping[str, Any],
        result: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Keep a result, its arrays first: where the json is, they are."""
        if arrays is not None:
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)  # type: ignore[arg-type]  # the stubs take a name for savez's own
            replace(self.folder / f"{address(key)}.npz", buffer.getvalue())
        replace(
            self.folder / f"{address(key)}.json",
            (json.dumps({"of": key, "result": result}, indent=1) + "\n").encode(),
        )

    def arrays(self, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        """The arrays kept with a result, or None."""
        for folder in self.folders:
            try:
                with np.load(folder / f"{address(key)}.npz", allow_pickle=False) as file:
                    return {name: file[name] for name in file.files}
            except (OSError, ValueError, EOFError):
                continue
        return None


def address(key: Mapping[str, Any]) -> str:
    """20 hexadecimal digits of what a result depends on."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]


def of_file(path: Path) -> str:
    """16 hexadecimal digits of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def code_of(names: Sequence[str]) -> str:
    """Of the source of what a result comes out of: a cache that outlives a change of the task's
    `steps_to_go` would mislead.
    """
    digest = hashlib.sha256()
    for name in names:
        place = Path(str(files("latent_mpc"))) / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()
