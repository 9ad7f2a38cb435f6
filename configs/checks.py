"""Checks that the dataclasses of configs share: what must hold, what came."""

from __future__ import annotations

from latent_mpc.configs.errors import LatentMPCError


def at_least(config: object, **bounds: float) -> None:
    """Raise ValueError if a field lies below its bound: `at_least(self, episodes=1)`."""
    for name, bound in bounds.items():
        if not getattr(config, name) >= bound:
            raise LatentMPCError(f"{name} must be at least {bound}, got {getattr(config, name)}")


def one_of(config: object, **choices: tuple[str, ...]) -> None:
    """Raise ValueError if a field is none of its choices: `one_of(self, obs=OBS)`."""
    for name, valid in choices.items():
        if getattr(config, name) not in valid:
            raise LatentMPCError(f"{name} must be one of {', '.join(valid)}; got {getattr(config, name)!r}")
