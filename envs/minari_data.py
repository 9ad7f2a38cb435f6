"""Rollouts from and to Minari's data sets (extra `minari`). Nothing is downloaded, and no environment that a data set names is made.

A data set of ours keeps everything, so that what was exported comes back equal: observations, actions, `infos["physics"]`, and in its
metadata what stands in meta.json. Of others come states (a vector, or the "observation" of a goal environment), pixels and actions.

Shapes: T control steps.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from latent_mpc.envs.rollouts import Arrays, Rollouts, RolloutWriter

if TYPE_CHECKING:
    from minari import MinariDataset
    from minari.data_collector.episode_buffer import EpisodeBuffer

SCHEME = "minari:"  # data=minari:NAME
META = "latent_mpc"  # key of the data set's metadata
OWN = ("format", "version", "arrays")  # keys of meta.json that say how the folder is written, not what was collected


def from_minari(name: str, out: str | os.PathLike[str], task_name: str) -> Rollouts:
    """Write a local Minari data set into the folder `out`, going on where an earlier call was stopped.

    Args:
        task_name: what the rollouts are of, where the data set does not say.

    Raises:
        FileNotFoundError: no such data set here. ValueError: its observations are neither states nor pixels.
        RuntimeError: Minari is not installed.
    """
    data = _load(name)
    stored = data.storage.metadata.get(META)
    meta = _parse(name, stored) if stored else {"task": {"name": task_name}, "minari": name}
    with RolloutWriter(out, meta) as writer:
        for episode, number in _episodes(data, writer.next_number):
            writer.append(episode, number)
    return Rollouts(out)


def to_minari(rollouts: Rollouts, name: str) -> None:
    """Write rollouts as a local Minari data set, without loss. Raises ValueError if the name is taken or none that Minari takes."""
    minari = _import()
    if name in minari.list_local_datasets():
        raise ValueError(f"there is a Minari data set {name!r} already; give another name=, or `minari delete {name}`")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Minari asks for an author, an address and more
            data = _create(minari, rollouts, name)
    except ValueError as error:  # a name that is none
        raise ValueError(f"Minari does not take the name {name!r}: {error}; give name=NAMESPACE/NAME-v0") from error
    data.storage.update_metadata({META: json.dumps({key: value for key, value in rollouts.meta.items() if key not in OWN})})


def _create(minari: Any, rollouts: Rollouts, name: str) -> MinariDataset:
    spaces: dict[str, gymnasium.Space[Any]] = {
        key: _space(array) for key, array in rollouts.arrays.items() if key not in ("action", "physics")
    }
    action = gymnasium.spaces.Box(-1.0, 1.0, rollouts.arrays["action"].shape[1:], np.float32)
    return minari.create_dataset_from_buffers(
        name,
        _buffers(rollouts),
        observation_space=gymnasium.spaces.Dict(spaces),
        action_space=action,
        algorithm_name=str(rollouts.meta.get("behaviour")),
        description=f"rollouts of {rollouts.meta.get('task')} collected by latent-mpc; rewards are zero",
        jpeg_encoding=False,
    )


def _episodes(data: MinariDataset, first: int) -> Iterator[tuple[Arrays, int]]:
    """The episodes with their numbers, from number `first` on."""
    said = data.storage.get_episode_metadata(data.episode_indices)
    for episode, about in zip(data.iterate_episodes(), said, strict=True):
        number = int((about.get("options") or {}).get("number", episode.id))
        if number < first:
            continue
        arrays = _observed(episode.observations)
        actions = np.asarray(episode.actions, np.float32).reshape(len(episode), -1)
        arrays["action"] = np.concatenate([actions, np.zeros_like(actions[:1])])
        physics = (episode.infos or {}).get("physics")
        if physics is not None and len(physics) == len(episode) + 1:
            arrays["physics"] = np.asarray(physics, np.float64)
        yield arrays, number


def _observed(observations: Any) -> Arrays:
    """States and pixels of an episode's observations, `[T + 1, ...]`. Raises ValueError if there are neither."""
    if isinstance(observations, Mapping):
        found = {key: np.asarray(observations[key]) for key in ("state", "pixels") if key in observations}
        if not found and "observation" in observations:
            return _observed(observations["observation"])
    else:
        array = np.asarray(observations)
        found = {"pixels": array} if array.dtype == np.uint8 and array.ndim == 4 else {"state": array} if array.ndim == 2 else {}
    if not found:
        came = ", ".join(map(str, observations)) if isinstance(observations, Mapping) else f"shape {np.shape(observations)}"
        raise ValueError(
            f"observations of a Minari data set must be vectors, pictures, or a dict with state, pixels or observation; got {came}"
        )
    return {key: array.astype(np.float32 if key == "state" else array.dtype) for key, array in found.items()}


def _buffers(rollouts: Rollouts) -> Iterator[EpisodeBuffer]:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    for i, (length, number) in enumerate(zip(rollouts.lengths.tolist(), rollouts.numbers.tolist(), strict=True)):
        episode = rollouts.episode(i)
        ends = np.arange(length) == length - 1
        yield EpisodeBuffer(
            id=i,
            options={"number": number},
            observations={key: array for key, array in episode.items() if key not in ("action", "physics")},
            actions=episode["action"][:-1],
            rewards=np.zeros(length),
            terminations=np.zeros(length, bool),
            truncations=ends,
            infos={"physics": episode["physics"]} if "physics" in episode else None,
        )


def _space(array: np.ndarray) -> gymnasium.spaces.Box:
    if array.dtype == np.uint8:
        return gymnasium.spaces.Box(0, 255, array.shape[1:], np.uint8)
    return gymnasium.spaces.Box(-np.inf, np.inf, array.shape[1:], np.float32)


def _parse(name: str, stored: object) -> dict[str, Any]:
    try:
        meta = json.loads(str(stored))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Minari data set {name!r}: what latent-mpc stored in it cannot be read ({error})") from error
    if not isinstance(meta, dict):
        raise ValueError(f"Minari data set {name!r}: what latent-mpc stored in it must be keys and values")
    return meta


def _load(name: str) -> MinariDataset:
    minari = _import()
    try:
        return minari.load_dataset(name, download=False)
    except (FileNotFoundError, ValueError) as error:
        there = ", ".join(sorted(minari.list_local_datasets())) or "none"
        raise FileNotFoundError(f"no Minari data set {name!r} here; `minari download {name}` may fetch it; there are: {there}") from error


def _import() -> Any:
    try:
        import h5py  # noqa: F401 - what Minari's files are read with
        import minari
    except ImportError as error:
        raise RuntimeError("Minari is not installed: pip install 'latent-mpc[minari]'") from error
    return minari
