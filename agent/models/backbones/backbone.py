"""A frozen network and the folder that it is read from: `config.yaml` names its kind and sizes,
`model.safetensors` holds its weights.

    network: vit          # a class of this folder, or of the entry points `latent_mpc.backbones`
    patch: 14             # fields of that class's `Config`
    width: 384

Loading runs no code from the folder.

Shapes: B batch, H and W pixels, W features.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
import yaml
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.plain_yaml import read_plain
from latent_mpc.configs.plugins import registered
from latent_mpc.configs.structured import from_values


class Backbone(nn.Module, ABC):
    """Pictures -> features; built from a `Config`, its weights come from a file."""

    name: ClassVar[str]
    Config: ClassVar[type]
    # tensors that such files hold and this network does not need
    IGNORED: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    @property
    @abstractmethod
    def features(self) -> int:
        """Width of the output."""

    @abstractmethod
    def forward(self, pixels: UInt8[Tensor, "B H W C"]) -> Float[Tensor, "B W"]:
        """Features of pictures."""


def backbones() -> dict[str, type[Backbone]]:
    """Every kind by name."""
    return registered("latent_mpc.agent.models.backbones", Backbone, "latent_mpc.backbones")


class BackboneFolder:
    """What a folder says of a frozen network; weights are read when they are asked for.

    Raises:
        FileNotFoundError: the folder, or a file of it, is missing.
        ValueError: config.yaml names no kind that there is, or does not fit it.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder)
        for file in ("config.yaml", "model.safetensors"):
            if not folder or not (self.path / file).is_file():
                raise FileNotFoundError(
                    "model.encoder.pixels=frozen needs model.encoder.folder=FOLDER with"
                    f" config.yaml and model.safetensors; got {folder!r}, which has no {file}"
                )
        try:
            values = dict(read_plain(self.path / "config.yaml"))
            self.kind, known = values.pop("network", None), backbones()
            if self.kind not in known:
                raise UnknownNameError(
                    f"no network {self.kind!r:.60}; there are: {', '.join(sorted(known))}"
                )
            self.config: Any = from_values(known[self.kind].Config, values)
        except (yaml.YAMLError, ValueError) as error:
            raise LatentMPCError(f"{self.path / 'config.yaml'}: {error}") from error

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits of both files."""
        digest = hashlib.sha256()
        for file in ("config.yaml", "model.safetensors"):
            with (self.path / file).open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()[:16]

    def build(self) -> Backbone:
        """The network as described, its weights those of whatever device is the default; "meta"
        gives sizes only.
        """
        return backbones()[self.kind](self.config)

    def load(self, device: torch.device) -> Backbone:
        """The network with its weights, in evaluation mode. Raises ValueError if they are damaged
        or do not fit.
        """
        weights = self.path / "model.safetensors"
        with torch.device("meta"):
            network = self.build()
        try:
            tensors = {
                name: tensor.float()
                for name, tensor in load_file(weights).items()
                if name not in network.IGNORED
            }
            network.load_state_dict(tensors, assign=True)
        except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise LatentMPCError(
                f"{weights} does not fit its config.yaml: {' '.join(str(error).split())[:300]}"
            ) from error
        return network.to(device).eval().requires_grad_(False)
