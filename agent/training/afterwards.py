"""Parts that show what a checkpoint imagines, fitted when they are first asked for, on frozen
latents of random rollouts, and kept: beside the weights, or where those cannot be written, in the
folder of the work.

Their file names the weights that it belongs to and how it was made: it is never shown for others.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from latent_mpc.agent.build import Parts
from latent_mpc.agent.checkpoints.tensors import require_fit
from latent_mpc.agent.evaluation.imagination.pose import Pose, pose_numbers
from latent_mpc.agent.evaluation.random_episodes import random_episodes
from latent_mpc.agent.heads.decoder import Decoder, DecoderConfig
from latent_mpc.agent.heads.head import FrozenData, Sizes
from latent_mpc.agent.training.features import with_features
from latent_mpc.agent.training.loop import Trainer
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.seeding import WEIGHTS, sequence
from latent_mpc.envs.cameras.gl import Camera
from latent_mpc.envs.files import only_writer, replace
from latent_mpc.envs.progress import track
from latent_mpc.envs.rollouts.format import META
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.task import Task

MADE = "made"  # key of the file: what it was made of
M = TypeVar("M", bound=nn.Module)
Data = Callable[[Rollouts], FrozenData]  # rollouts as seen by a camera -> what a part is fitted on


@dataclass
class Afterwards:
    """Fits parts of a checkpoint, and keeps them.

    Args:
        checkpoint: its folder.
        work: folder for rollouts, and for states to resume from.
        episodes: random rollouts to fit on, where the checkpoint's own are not beside it.
        seed: of them, and of weights and batches.
    """

    parts: Parts
    task: Task
    checkpoint: Path
    work: Path
    episodes: int
    seed: int = 0
    written: list[Path] = field(default_factory=list)  # by this object

    def decoder(
        self, config: DecoderConfig, shape: tuple[int, ...], name: str, camera: Camera | None
    ) -> Decoder:
        """What shows latents as pictures of a shape `(H, W, C)`.

        Args:
            name: of its file.
            camera: that takes them; None = they are what the model sees.

        Raises ValueError for a file that is damaged or another's.
        """
        sizes = Sizes(self.parts.model.latent, self.parts.model.actions, {"pixels": shape})

        def fit(part: Decoder, rollouts: Rollouts, data: Data, trainer: Trainer) -> None:
            seen = rollouts if camera is None else self._taken(rollouts, camera, shape, name)
            part.fit(data(seen), {}, trainer)

        note = {"shape": list(shape), **asdict(config)}
        return self._kept(name, note, lambda: Decoder(sizes, config), fit)

    def pose(self) -> Pose:
        """What reads the robot's pose. Raises as `decoder`."""
        numbers = pose_numbers(self.task, self.task.snapshot()[None]).shape[1]

        def fit(part: Pose, rollouts: Rollouts, data: Data, trainer: Trainer) -> None:
            part.fit(data(rollouts), trainer)

        return self._kept(
            "pose", {"numbers": numbers}, lambda: Pose(self.parts.model.latent, numbers), fit
        )

    def _kept(
        self,
        name: str,
        note: Mapping[str, Any],
        make: Callable[[], M],
        fit: Callable[[M, Rollouts, Data, Trainer], None],
    ) -> M:
        """The part from its file, or fitted and written there."""
        made = json.dumps({"weights": self._weights(), **note}, sort_keys=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(sequence(self.seed, WEIGHTS, name).generate_state(1)[0]))
            part = make()
        device = next(self.parts.model.parameters()).device
        beside, aside = (folder / f"{name}.safetensors" for folder in (self.checkpoint, self.work))
        file = next((path for path in (beside, aside) if path.is_file()), None)
        if file is not None:
            load(file, part, made)
        else:
            part.to(device)
            self.work.mkdir(parents=True, exist_ok=True)
            with only_writer(self.work):
                rollouts = self._rollouts()
                # a state on disk belongs to these weights and settings
                key = hashlib.sha256(made.encode()).hexdigest()[:8]
                trainer = Trainer(self.work / f"{name}-{key}", self.seed)
                fit(part, rollouts, self._encoded(rollouts), trainer)
            file = beside if os.access(self.checkpoint, os.W_OK) else aside
            tensors = {key: value.cpu().contiguous() for key, value in part.state_dict().items()}
            replace(file, save(tensors, metadata={MADE: made}))
            self.written.append(file)
        return part.to(device).eval().requires_grad_(False)

    def _weights(self) -> str:
        """A digest of the model's own."""
        digest = hashlib.sha256()
        for key, value in sorted(self.parts.model.state_dict().items()):
            digest.update(key.encode() + value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def _rollouts(self) -> Rollouts:
        """Those that the checkpoint was trained on where they are beside it, else fresh ones."""
        own = self.checkpoint / "data"
        if (own / META).exists():
            rollouts = Rollouts(own)
            same = rollouts.fingerprint == self.parts.config["data"]["fingerprint"]
            if same and "physics" in rollouts.keys:
                return rollouts
        return random_episodes(self.parts, self.task, self.episodes, self.seed, self.work / "data")

    def _encoded(self, rollouts: Rollouts) -> Data:
        """The data that a part is fitted on, of the rollouts or of those with other pictures."""
        repeat = self.parts.config["task"]["action_repeat"]
        seen = with_features(rollouts, self.parts.model)
        latents = encode_rollouts(self.parts.model, seen, repeat, self.work, shown=True)

        def data(shown: Rollouts) -> FrozenData:
            return FrozenData(
                *latents, shown, repeat, counted=lambda states: pose_numbers(self.task, states)
            )

        return data

    def _taken(
        self, rollouts: Rollouts, camera: Camera, shape: tuple[int, ...], name: str
    ) -> Rollouts:
        """The rollouts, seen by another camera: pictures of their simulator states."""
        states, file = rollouts.arrays["physics"], self.work / f"{name}-pictures.npy"
        pictures = np.lib.format.open_memmap(file, "w+", np.uint8, (len(states), *shape))
        for i, state in enumerate(
            track(states, "taking pictures", len(states), "pictures", shown=True)
        ):
            self.task.restore(state)
            pictures[i] = camera.render(self.task.data)
        file.unlink()  # the map goes on without a name, and is gone when we are
        seen = copy.copy(rollouts)
        seen.arrays = {**rollouts.arrays, "pixels": pictures}
        return seen


def file_name(camera: str = "") -> str:
    """What the decoder of a camera's pictures is called; none named = of what the model sees."""
    return "-".join(["decoder", *re.findall(r"[\w.-]+", camera)])


def load(file: Path, part: nn.Module, made: str) -> None:
    """Put a part's tensors back. Raises ValueError for a file that is damaged, or was made of other
    weights or in another way.
    """
    again = f"delete {file} to have it fitted anew"
    try:
        with safe_open(file, "pt") as opened:
            note = (opened.metadata() or {}).get(MADE, "")
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise LatentMPCError(
            f"{file} is damaged: {' '.join(str(error).split())}; {again}"
        ) from error
    if note != made:
        raise LatentMPCError(f"{file} {difference(note, made)} {again}")
    try:
        require_fit(part.state_dict(), tensors)
    except ValueError as error:
        raise LatentMPCError(f"{file} does not fit: {error}; {again}") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise LatentMPCError(f"{file} must hold finite numbers; {again}")
    part.load_state_dict(tensors)


def difference(note: str, made: str) -> str:
    """What keeps a part, which says how it was made, from being the one that is asked for; what to
    do instead is to follow.
    """
    try:
        before = dict(json.loads(note))
    except (ValueError, TypeError):
        before = {}
    if not before:
        return "does not say what it was made of;"
    now = json.loads(made)
    other = [key for key in now if before.get(key) != now[key]]
    if "weights" in other:
        return "belongs to another checkpoint's weights;"
    told = ", ".join(f"{key}={before.get(key)}, not {now[key]}" for key in other)
    return f"was made with {told or 'other settings'}; ask for that, or"
