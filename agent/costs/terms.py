"""The seam of a cost: terms that are added to each step's distance, and constraints that a plan
must not violate. Both are chosen at run time, `cost.terms=[effort:0.1]
cost.constraints=[keep_out:0.1:0.0:0.05]`, and need no training.

One is a file of this folder: a dataclass whose fields are the numbers behind its name. Packages
bring theirs by the entry points `latent_mpc.cost_terms` and `latent_mpc.constraints`.

Shapes: B problems, N candidates, H horizon, A action block, D latent, C constraints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from latent_mpc.agent.heads.cost_to_go import CostToGo
from latent_mpc.agent.heads.probe import Probe
from latent_mpc.agent.heads.reader import Reader
from latent_mpc.agent.heads.value import Value
from latent_mpc.agent.models.base import WorldModel
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.plugins import registered


class Networks(NamedTuple):
    """What a cost is computed with."""

    model: WorldModel
    cost_to_go: CostToGo
    probe: Probe | None = None
    reader: Reader | None = None
    value: Value | None = None

    def places(self, name: str) -> Callable[[Tensor], Tensor]:
        """Latents -> positions `[..., 3]` [m]. Raises ValueError, for whoever `name` is, if nothing
        has learned them.
        """
        if self.probe is None or not self.probe.knows_places:
            raise LatentMPCError(
                f"{name} needs to know where a latent is, and this checkpoint's probe was fitted to"
                " no positions"
            )
        return self.probe

    @property
    def knows_counted(self) -> bool:
        """Whether the numbers on which success depends can be read from a latent."""
        return self.reader is not None and self.reader.knows

    def counted(self, name: str) -> Callable[[Tensor], Tensor]:
        """Latents -> the numbers on which success depends `[..., C]`. Raises ValueError, for
        whoever `name` is, if nothing has learned them.
        """
        if self.reader is None or not self.knows_counted:
            raise LatentMPCError(
                f"{name} needs to know what counts of a goal, and this checkpoint has no reader of"
                " it; use cost=cost_to_go"
            )
        return self.reader

    def learned_value(self, name: str) -> Value:
        """The learned cost-to-go of what counts. Raises ValueError, for whoever `name` is, if there
        is none.
        """
        if self.value is None or not self.value.knows:
            raise LatentMPCError(
                f"{name} needs the cost-to-go of a goal in part, and this checkpoint has learned"
                " none; use cost=cost_to_go"
            )
        return self.value


class Imagined(NamedTuple):
    """Candidate plans and what one member of the ensemble imagines of them."""

    z: Float[Tensor, "B N H D"]  # after each step
    actions: Float[Tensor, "B N H A"]
    before: Float[Tensor, "B 1 1 D"]  # where the plans begin


@dataclass
class Term(ABC):
    """What is added to the distance of each step, by weight; lower is better.

    A term that needs a network overrides `bind`, any other `__call__`.
    """

    name: ClassVar[str]
    weight: float = 1.0

    def bind(self, networks: Networks) -> Callable[[Imagined], Float[Tensor, "B N H"]]:
        """The function of imagined plans, made once per decision. Raises ValueError if it needs
        what a checkpoint does not have.
        """
        return self

    def __call__(self, imagined: Imagined) -> Float[Tensor, "B N H"]:
        """The term of each step, its weight aside."""
        raise NotImplementedError


@dataclass
class Constraint(ABC):
    """What a plan must not violate: planners put every plan that does behind all that do not."""

    name: ClassVar[str]

    @abstractmethod
    def bind(self, networks: Networks) -> Callable[[Imagined], Float[Tensor, "B N C"]]:
        """The function to violations, > 0 where violated. Raises ValueError if it needs what a
        checkpoint does not have.
        """

    def violated(self, points: Float[np.ndarray, "*T 3"]) -> Bool[np.ndarray, "*T"] | None:
        """Whether positions of what has to reach the goal [m] violate it in truth, for results;
        None if they do not tell.
        """
        return None


Part = TypeVar("Part", bound=Term | Constraint)


def terms() -> dict[str, type[Term]]:
    """Every cost term by name."""
    return registered("latent_mpc.agent.costs", Term, "latent_mpc.cost_terms")


def constraints() -> dict[str, type[Constraint]]:
    """Every constraint by name."""
    return registered("latent_mpc.agent.costs", Constraint, "latent_mpc.constraints")


def make_parts(texts: Sequence[str], known: dict[str, type[Part]], what: str) -> list[Part]:
    """Terms or constraints from texts like `keep_out:0.1:0.0:0.05`: a name and the numbers of its
    fields, in their order.

    Raises:
        KeyError: there is none of that name.
        ValueError: too many numbers, too few, or none.
    """
    return [_make_part(text, known, what) for text in texts]


def _make_part(text: str, known: dict[str, type[Part]], what: str) -> Part:
    name, *numbers = text.split(":")
    if name not in known:
        raise UnknownNameError(
            f"no {what} {name!r:.60}; there are: {', '.join(sorted(known)) or 'none'}"
        )
    kind: type[Any] = known[name]
    needed = [item.name for item in fields(kind) if item.default is MISSING]
    try:
        values = [float(number) for number in numbers]
        if not (len(needed) <= len(values) <= len(fields(kind)) and np.isfinite(values).all()):
            raise ValueError
    except ValueError:
        form = ":".join([name, *(item.name.upper() for item in fields(kind))])
        raise LatentMPCError(
            f"a {what} must be written {form}, with finite numbers, got {text!r:.60}"
        ) from None
    made: Part = kind(*values)
    return made
