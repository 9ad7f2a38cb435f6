"""Checks that the dataclasses of configs share: what must hold, what came."""

from __future__ import annotations

from latent_mpc.configs.errors import LatentMPCError


def at_least(config: object, **bounds: float) -> None:
    """Raise ValueError if a field lies below its bound: `at_least(self, episodes=1)`."""
    for name, bound in bounds.items():
        if not getattr(config, name) >= bound:
            raise LatentMPCError(f"{name} must be at least {bound}, got {getattr(config, name)}")


def above(config: object, **bounds: float) -> None:
    """Raise ValueError unless a field lies above its bound: `above(self, rate=0)`."""
    for name, bound in bounds.items():
        if not getattr(config, name) > bound:
            raise LatentMPCError(f"{name} must be above {bound}, got {getattr(config, name)}")


def within(config: object, **ranges: tuple[float, float]) -> None:
    """Raise ValueError unless a field lies within its range, ends included: `within(self,
    momentum=(0, 1))`.
    """
    for name, (least, most) in ranges.items():
        if not least <= getattr(config, name) <= most:
            raise LatentMPCError(
                f"{name} must be within [{least}, {most}], got {getattr(config, name)}"
            )


def one_of(config: object, **choices: tuple[str, ...]) -> None:
    """Raise ValueError if a field is none of its choices: `one_of(self, obs=OBS)`."""
    for name, valid in choices.items():
        if getattr(config, name) not in valid:
            raise LatentMPCError(
                f"{name} must be one of {', '.join(valid)}; got {getattr(config, name)!r}"
            )
