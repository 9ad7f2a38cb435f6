"""A local Minari data set (extra `minari`): what its metadata say, checked before any episode is
read.

Nothing is downloaded, and no environment that a data set names is made.

Shapes: T control steps, A action.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from latent_mpc.configs.errors import FailedError, LatentMPCError
from latent_mpc.envs.rollouts.reader import Arrays

if TYPE_CHECKING:
    from minari import MinariDataset
    from minari.dataset.episode_data import EpisodeData

SCHEME = "minari:"  # data=minari:NAME
META = "latent_mpc"  # key of the data set's metadata


class MinariSet:
    """A data set whose episodes hold states or pixels, and actions that are vectors of numbers.

    Attributes:
        own: what stood in meta.json, if we exported it, else None.
        environment: id of the environment that it names, if any.
        low, high: bounds of its actions, flat `[A]`.
        shapes: of one row of "state", "pixels" and "action", as far as there are such.

    Raises:
        FileNotFoundError: no such data set here. RuntimeError: Minari is not installed.
        ValueError: metadata that cannot be read, observations that are neither states nor pixels,
            actions that are no vectors.
    """

    def __init__(self, name: str) -> None:
        self.name, data = name, _load(name)
        self.own = _parse(name, stored) if (stored := data.storage.metadata.get(META)) else None
        self.environment: str | None = data.env_spec.id if data.env_spec else None
        if not isinstance(data.action_space, gymnasium.spaces.Box) or not data.action_space.shape:
            kind = " ".join(str(data.action_space).split())
            raise LatentMPCError(
                f"Minari data set {name!r}: actions must be a vector of numbers (a Box), got"
                f" {kind:.100}; others cannot be planned here"
            )
        self.low, self.high = (
            bound.ravel().astype(np.float64)
            for bound in (data.action_space.low, data.action_space.high)
        )
        self._paths = _paths(data.observation_space)
        self.shapes: dict[str, tuple[int, ...]] = {
            key: _at(data.observation_space, path).shape or () for key, path in self._paths.items()
        }
        self.shapes["action"] = self.low.shape
        self._data = data

    def __len__(self) -> int:
        return int(self._data.total_episodes)

    def episodes(self, indices: list[int]) -> Iterator[EpisodeData]:
        """Some episodes, as Minari has them."""
        return self._data.iterate_episodes(indices)

    def numbers(self) -> list[int]:
        """Collection numbers of the episodes of an export of ours."""
        metadata = self._data.storage.get_episode_metadata(self._data.episode_indices)
        return [
            int((about.get("options") or {}).get("number", i)) for i, about in enumerate(metadata)
        ]

    def observed(self, episode: EpisodeData) -> Arrays:
        """States and pixels of an episode as recorded, `[T + 1, ...]`."""
        return {
            key: np.asarray(_at(episode.observations, path)) for key, path in self._paths.items()
        }


def import_minari() -> Any:
    """The package. Raises RuntimeError if it is not installed."""
    try:
        import h5py  # noqa: F401 - what Minari's files are read with
        import minari
    except ImportError as error:
        raise FailedError("Minari is not installed: pip install 'latent-mpc[minari]'") from error
    return minari


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path of keys in spaces or observations."""
    for key in path:
        tree = tree[key]
    return tree


def _paths(space: gymnasium.Space[Any], path: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    """Where in the observations states and pixels are. Raises ValueError if there are neither."""
    spaces = gymnasium.spaces
    result: dict[str, tuple[str, ...]] = {}
    if isinstance(space, spaces.Dict):
        result = {
            key: (*path, key)
            for key in ("state", "pixels")
            if key in space.spaces and _kind(space[key]) == key
        }
        if not result and "observation" in space.spaces:
            return _paths(space["observation"], (*path, "observation"))
    elif kind := _kind(space):
        result = {kind: path}
    if not result:
        actual = (
            ", ".join(map(str, space))
            if isinstance(space, spaces.Dict)
            else " ".join(str(space).split())
        )
        raise LatentMPCError(
            "observations of a Minari data set must be vectors, pictures, or a dict with state,"
            f" pixels or observation; got {actual:.100}"
        )
    return result


def _kind(space: gymnasium.Space[Any]) -> str:
    """Whether a space is of states or pixels; "" if of neither."""
    if not isinstance(space, gymnasium.spaces.Box):
        return ""
    return (
        "pixels"
        if space.dtype == np.uint8 and len(space.shape) == 3
        else "state"
        if len(space.shape) == 1
        else ""
    )


def _load(name: str) -> MinariDataset:
    minari = import_minari()
    from minari.dataset.minari_storage import MinariStorage
    from minari.storage.datasets_root_dir import get_dataset_path

    if not (folder := Path(get_dataset_path(name)) / "data").is_dir():
        names = ", ".join(sorted(minari.list_local_datasets())) or "none"
        raise FileNotFoundError(
            f"no Minari data set {name!r} here; `minari download {name}` may fetch it; there are:"
            f" {names}"
        )
    try:
        spaces = MinariStorage.read_raw_metadata(folder).keys() & {
            "observation_space",
            "action_space",
        }
        # Minari would make the environment, whose code is not trusted, to ask for them
        if len(spaces) < 2:
            raise LatentMPCError("its metadata must have observation_space and action_space")
        return minari.load_dataset(name, download=False)
    except (ValueError, KeyError, TypeError, AssertionError, NotImplementedError) as error:
        raise LatentMPCError(
            f"Minari data set {name!r} cannot be read: {error}; write it again, or give other data"
        ) from error


def _parse(name: str, stored: object) -> dict[str, Any]:
    try:
        meta = json.loads(str(stored))
    except (ValueError, RecursionError) as error:
        raise LatentMPCError(
            f"Minari data set {name!r}: what latent-mpc stored in it cannot be read ({error})"
        ) from error
    if not isinstance(meta, dict):
        raise LatentMPCError(
            f"Minari data set {name!r}: what latent-mpc stored in it must be keys and values"
        )
    return meta


def as_rows(observed: Arrays) -> Arrays:
    """Observations in the dtypes of rollouts; what is too large for them is infinite."""
    with np.errstate(over="ignore"):
        return {
            key: array.astype(np.float32 if key == "state" else array.dtype)
            for key, array in observed.items()
        }
