"""The seam of an encoder: a file of this folder with a class that has the observation's `key` and a
`name`.

Packages bring theirs by the entry points `latent_mpc.encoders`.

Shapes: B batch, F frame embedding, H and W pixels, C channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Shaped
from torch import Tensor, nn

from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.configs.plugins import registered


@dataclass
class EncoderConfig:
    """Which encoder sees which observation."""

    state: str = "mlp"  # name of the state's encoder: mlp
    pixels: str = (
        # name of the pictures' encoder: conv (flattened) | spatial (where each feature is) | slots
        # (where each thing that moves is, and how it is turned) | frozen (a network of a folder)
        "conv"
    )
    # the frozen network: a folder with model.safetensors and a config.yaml that names its kind
    folder: str = ""
    # digest of the frozen network's files, filled in; another one in the same folder is refused
    digest: str = ""

    def __post_init__(self) -> None:
        for key in ("state", "pixels"):
            find_encoder(key, getattr(self, key))


class Encoder(nn.Module, ABC):
    """Observations of one key -> embeddings.

    Args:
        shape: of one observation.
        config: the world model's; `embedding` is the output's width.

    Raises ValueError for a shape that it does not take.
    """

    key: ClassVar[str]
    name: ClassVar[str]

    def __init__(self, shape: tuple[int, ...], config: Any) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, obs: Shaped[Tensor, "B ..."]) -> Tensor:
        """Embeddings `[B, F]`."""

    def fit(self, sample: Callable[[], Tensor]) -> None:
        """Take what is to be known of the training data beforehand; `sample()` gives observations
        `[N, ...]`.
        """

    def encode_frozen(self, obs: Tensor) -> Tensor:
        """Features `[B, W]` of observations by weights that are not trained; `forward` takes these
        in their place.
        """
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """Of weights that are neither trained nor saved, under which their features of rollouts are
        cached; "" if there are none.
        """
        return ""


def encoders() -> dict[tuple[str, str], type[Encoder]]:
    """Every encoder by (key, name)."""
    return registered("latent_mpc.agent.models.encoders", Encoder, "latent_mpc.encoders", _key)


def _key(kind: type[Encoder]) -> tuple[str, str]:
    return kind.key, kind.name


def find_encoder(key: str, name: str) -> type[Encoder]:
    """The encoder of a key by its name. Raises KeyError listing those that there are."""
    known = encoders()
    if (key, name) not in known:
        there = sorted(other for of, other in known if of == key)
        raise UnknownNameError(f"no encoder {name!r} of {key}; there are: {', '.join(there)}")
    return known[key, name]


def make_encoder(key: str, shape: tuple[int, ...], config: Any) -> Encoder:
    """The encoder that a world model's config names for a key."""
    return find_encoder(key, getattr(config.encoder, key))(shape, config)
