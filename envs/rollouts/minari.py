"""Rollouts to Minari's data sets and back without loss (extra `minari`); what others wrote is read
by `minari_foreign.py`.

A data set of ours keeps everything, so that what was exported comes back equal: observations,
actions, `infos["physics"]`, and in its metadata what stands in meta.json.

Shapes: T control steps.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.rollouts.minari_set import META, MinariSet, as_rows, import_minari
from latent_mpc.envs.rollouts.reader import Arrays, Rollouts, RolloutWriter

if TYPE_CHECKING:
    from minari import MinariDataset
    from minari.data_collector.episode_buffer import EpisodeBuffer
    from minari.dataset.episode_data import EpisodeData

# keys of meta.json that say how the folder is written, not what was collected
OWN = ("format", "version", "arrays")


def from_minari(data: MinariSet | str, out: str | os.PathLike[str]) -> Rollouts:
    """Write an export of ours into the folder `out`, going on where an earlier call was stopped.
    Raises ValueError if it is none.
    """
    data = MinariSet(data) if isinstance(data, str) else data
    if data.own is None:
        raise LatentMPCError(
            f"Minari data set {data.name!r} was not exported by latent-mpc; what it means depends"
            " on the task"
        )
    with RolloutWriter(out, data.own) as writer:
        missing = [
            (i, number) for i, number in enumerate(data.numbers()) if number >= writer.next_number
        ]
        for (_, number), episode in zip(
            missing, data.episodes([i for i, _ in missing]), strict=True
        ):
            writer.append(_arrays(data, episode), number)
    return Rollouts(out)


def to_minari(rollouts: Rollouts, name: str) -> None:
    """Write rollouts as a local Minari data set, without loss. Raises ValueError if the name is
    taken or none that Minari takes.
    """
    minari = import_minari()
    if name in minari.list_local_datasets():
        raise LatentMPCError(
            f"there is a Minari data set {name!r} already; give another name=, or `minari delete"
            f" {name}`"
        )
    try:
        with warnings.catch_warnings():
            # Minari asks for an author, an address and more
            warnings.simplefilter("ignore", UserWarning)
            data = _create(minari, rollouts, name)
    except ValueError as error:  # a name that is none
        raise LatentMPCError(
            f"Minari does not take the name {name!r}: {error}; give name=NAMESPACE/NAME-v0"
        ) from error
    data.storage.update_metadata(
        {META: json.dumps({key: value for key, value in rollouts.meta.items() if key not in OWN})}
    )


def _create(minari: Any, rollouts: Rollouts, name: str) -> MinariDataset:
    spaces: dict[str, gymnasium.Space[Any]] = {
        key: _space(array)
        for key, array in rollouts.arrays.items()
        if key not in ("action", "physics")
    }
    return minari.create_dataset_from_buffers(
        name,
        _buffers(rollouts),
        observation_space=gymnasium.spaces.Dict(spaces),
        action_space=gymnasium.spaces.Box(
            -1.0, 1.0, rollouts.arrays["action"].shape[1:], np.float32
        ),
        algorithm_name=str(rollouts.meta.get("behaviour")),
        description=(
            f"rollouts of {rollouts.meta.get('task')} collected by latent-mpc; rewards are zero"
        ),
        jpeg_encoding=False,
    )


def _arrays(data: MinariSet, episode: EpisodeData) -> Arrays:
    actions = np.asarray(episode.actions, np.float32).reshape(len(episode), -1)
    arrays = as_rows(data.observed(episode)) | {
        "action": np.concatenate([actions, np.zeros_like(actions[:1])])
    }
    physics = (episode.infos or {}).get("physics")
    if physics is not None and len(physics) == len(episode) + 1:
        arrays["physics"] = np.asarray(physics, np.float64)
    return arrays


def _buffers(rollouts: Rollouts) -> Iterator[EpisodeBuffer]:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    for i, (length, number) in enumerate(
        zip(rollouts.lengths.tolist(), rollouts.numbers.tolist(), strict=True)
    ):
        episode = rollouts.episode(i)
        ends = np.arange(length) == length - 1
        yield EpisodeBuffer(
            id=i,
            options={"number": number},
            observations={
                key: array for key, array in episode.items() if key not in ("action", "physics")
            },
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
