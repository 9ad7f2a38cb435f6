"""`model=tracks`: the latent is where each thing that moves is and how it looks there, and how both
have changed in the last two steps. From pictures of a camera that stands (`slots.py`).

What a thing looks like is learned: a few numbers of its crop, trained to be predictable (a joint
embedding, kept from collapsing by SIGReg, as `jepa.py`). Places need no encoder. The predictor's
errors count in units of each number's own change in a step, as `identity.py`, which is what makes
it imagine that a push moves the thing.

Shapes: B batch, T model steps, A action block, K slots, L looks, F = K * (2 + L) numbers of a
frame, D = 3 * F.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent import ranks
from latent_mpc.agent.models import losses
from latent_mpc.agent.models.base import Loss, Observation, Shapes
from latent_mpc.agent.models.dynamics import PredictorConfig
from latent_mpc.agent.models.encoders.conv import require_square
from latent_mpc.agent.models.frames import Frames
from latent_mpc.agent.models.identity import LEAST_CHANGE, RATE
from latent_mpc.agent.models.networks import BatchNorm, mlp
from latent_mpc.agent.models.slots import SLOTS, Slots
from latent_mpc.configs.checks import at_least
from latent_mpc.configs.errors import LatentMPCError

PLAIN = 0.3  # of a crop that varies less, in relation to what it holds: a disc looks always alike
SOME = 256  # pictures a time


@dataclass
class TracksConfig(PredictorConfig):
    """Sizes of the world model, and the weights of its loss's terms."""

    looks: int = 4  # numbers that tell what a thing looks like
    prediction: float = 1.0  # weight of the looks' own prediction, by which they are learned
    # weight of the Gaussian regulariser (SIGReg) of the looks at the first step, and at the last
    sigreg: float = 0.1
    sigreg_final: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, looks=1, prediction=0, sigreg=0, sigreg_final=0)


class Tracks(Frames):
    """Raises ValueError unless pictures, and pictures alone, are seen."""

    name: ClassVar[str] = "tracks"
    Config = TracksConfig
    config: TracksConfig
    history: int = 3
    mean: Tensor
    std: Tensor
    turning: Tensor
    moving: Tensor
    change: Tensor

    def __init__(self, config: TracksConfig, shapes: Shapes, actions: int) -> None:
        super().__init__(config, shapes, actions)
        if tuple(shapes) != ("pixels",):
            raise LatentMPCError(
                "model=tracks sees pictures and nothing else: give obs=pixels, got"
                f" {'+'.join(shapes)}"
            )
        require_square(shapes["pixels"])
        self.frame = SLOTS * (2 + config.looks)
        self.latent = 3 * self.frame
        self.slots = Slots(shapes["pixels"])
        self.look = mlp(self.slots.side**2, config.looks, config.hidden // 2)
        self.normalise = BatchNorm(SLOTS * config.looks, affine=False, momentum=RATE)
        self.register_buffer("mean", torch.zeros(SLOTS, 2))
        self.register_buffer("std", torch.ones(SLOTS, 2))
        self.register_buffer("turning", torch.zeros(SLOTS, dtype=torch.bool))
        # standard deviation of each number's first and second change, by which z has them
        self.register_buffer("moving", torch.ones(2, self.frame))
        # and of z's own change in a step
        self.register_buffer("change", torch.zeros(self.latent))
        self.make_predictor()

    def fit_normalisers(self, sample: Callable[[str], Tensor]) -> None:
        """Background, colours, spread of places, and which things look different in time."""
        pictures = sample("pixels")
        self.slots.fit(pictures)
        seen = [self.slots(some) for some in pictures.split(SOME)]
        place, size, crop = (torch.cat(parts) for parts in zip(*seen, strict=True))
        there = size.any(dim=0)
        self.mean.copy_(place.mean(dim=0))
        self.std.copy_(torch.where(there[:, None], place.std(dim=0).clamp_min(1e-3), 1.0))
        varies = crop.var(dim=0).mean(dim=-1).sqrt() / crop.square().mean(dim=(0, 2)).sqrt()
        self.turning.copy_(there & (varies > PLAIN))

    def embed(self, obs: Observation) -> Float[Tensor, "B F"]:
        """Standardised places, and the looks of things that look different in time."""
        place, _, crop = self.slots(obs["pixels"])
        looks = self.normalise(self.look(crop).flatten(1)).view(*crop.shape[:2], -1)
        looks = torch.where(self.turning[:, None], looks, 0.0)
        return torch.cat([((place - self.mean) / self.std).flatten(1), looks.flatten(1)], dim=-1)

    def fuse_history(self, frames: Float[Tensor, "*B K F"]) -> Float[Tensor, "*B D"]:
        """The newest frame, its change, and the change of that."""
        first, second, third = frames.unbind(dim=-2)
        faster = third - 2 * second + first
        return torch.cat([third, (third - second) / self.moving[0], faster / self.moving[1]], -1)

    def predict(
        self, z: Float[Tensor, "*B D"], action: Float[Tensor, "*B A"]
    ) -> Float[Tensor, "*B D"]:
        """The predictor gives changes in units of the usual one."""
        return z + self.change * self.predictor(torch.cat([z, action], dim=-1))

    def spread(self) -> Float[Tensor, ""]:
        """Of the looks, a running average over the batches of training; one where nothing turns."""
        variance = self.normalise.running_var
        assert variance is not None  # it always tracks
        kept = variance.view(SLOTS, -1)[self.turning]
        return kept.sqrt().mean() if len(kept) else torch.ones(())

    def loss(
        self,
        obs: Observation,
        actions: Float[Tensor, "B T A"],
        *,
        progress: float,
        generator: torch.Generator,
        bf16: bool = False,
    ) -> Loss:
        """Imagined latents against encoded ones in units of change, which trains the predictor; and
        of the looks as they are, with SIGReg, which trains what reads the crops.
        """
        config, actions = self.config, actions[:, self.history - 1 :]
        batch, steps = obs["pixels"].shape[:2]
        frames = self.embed({"pixels": obs["pixels"].flatten(0, 1)}).view(batch, steps, -1)
        if self.training:
            self._measure(ranks.gather(frames.detach()))
        z = self.fuse_history(frames.unfold(1, self.history, 1).transpose(-1, -2))
        unit = self.change.clamp_min(LEAST_CHANGE)
        with self.dropout_from(generator):
            told = z.detach()
            error = (self.rollout_ensemble(told[:, 0], actions) - told[:, 1:]) / unit
            terms = {"dynamics": error.square().mean()}
            own = self._looks(self.rollout_ensemble(z[:, 0], actions)) - self._looks(z[None, :, 1:])
        terms["looks"] = own.square().mean() if own.numel() else own.sum()
        looks = self._looks(frames)
        terms["sigreg"] = losses.sigreg(looks, generator) if looks.numel() else looks.sum()
        sigreg = config.sigreg + progress * (config.sigreg_final - config.sigreg)
        loss = terms["dynamics"] + config.prediction * terms["looks"] + sigreg * terms["sigreg"]
        return Loss({"loss": loss, **terms}, z)

    def _looks(self, z: Float[Tensor, "*B D"]) -> Float[Tensor, "*B M"]:
        """The looks, of a frame or a latent, of what turns."""
        looks = z[..., 2 * SLOTS : self.frame].unflatten(-1, (SLOTS, -1))
        return looks[..., self.turning, :].flatten(-2)

    def _measure(self, frames: Float[Tensor, "B T F"]) -> None:
        """Follow how much numbers change in a step: slowly, as the looks are being learned."""
        first = frames.diff(dim=1)
        for row, some in enumerate((first, first.diff(dim=1))):
            size = some.flatten(0, 1).std(dim=0).clamp_min(LEAST_CHANGE)
            self.moving[row] = size if not self.change.any() else self.moving[row].lerp(size, RATE)
        z = self.fuse_history(frames.unfold(1, self.history, 1).transpose(-1, -2))
        size = z.diff(dim=1).flatten(0, 1).std(dim=0)
        self.change.copy_(size if not self.change.any() else self.change.lerp(size, RATE))
