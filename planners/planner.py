"""The planning loop, written once: what holds for every algorithm stands here. It knows a cost and
bounds, nothing else.

B problems, N candidates, P proposals, I iterations, H horizon, A action.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.planners.algorithm import Algorithm, Search, feasible_mean, problems, uniform
from latent_mpc.planners.budget import Budget
from latent_mpc.planners.cost import VIOLATED, Cost, Evaluated, evaluate
from latent_mpc.planners.noise import draw
from latent_mpc.planners.rng import draw_seeds, first_keys, next_keys
from latent_mpc.planners.warm_start import Warm

__all__ = ["Algorithm", "Budget", "Plan", "Planner", "Search", "Warm"]


class Plan(NamedTuple):
    """One decision for B problems.

    cost: of exactly these actions, +inf where nothing was feasible; there the actions are the
        nominal ones.
    warm: belongs to the step the plan was made at: `warm.shift(1)` before the next decision.
    info: "best" (so far), "mean", "std" and the algorithm's own diagnostics `[B, I]`; "evaluations"
        `[B]`; "fell_back" `[B]`, true where nothing was feasible; "infeasible" `[B]`, true where
        the returned plan violates a constraint or fell back.
    """

    actions: Float[Tensor, "B H A"]
    cost: Float[Tensor, " B"]
    warm: Warm
    info: dict[str, Tensor]


class Planner:
    """An algorithm with bounds and a horizon. It holds no state: `plan` is a function of its
    arguments, seconds budgets aside.

    Args:
        clock: time [s], for budgets in seconds.

    Raises ValueError unless low and high are finite tensors `[A]` with low < high, horizon is at
    least 1 and A a multiple of `block`.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        *,
        low: Tensor,
        high: Tensor,
        horizon: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        _check_bounds(low, high)
        if horizon < 1:
            raise LatentMPCError(f"horizon must be at least 1 model step, got {horizon}")
        if len(low) % algorithm.block:
            raise LatentMPCError(
                f"action width {len(low)} must be a multiple of block, got block {algorithm.block}"
            )
        self.algorithm, self.low, self.high, self.horizon, self.clock = (
            algorithm,
            low,
            high,
            horizon,
            clock,
        )
        self.half = (high - low) / 2
        self.middle = low + self.half
        # a clamp to bounds of one action takes twice the time
        self.box = [x.expand(horizon, -1).contiguous() for x in (low, high)]

    def init(self, B: int, seed: int) -> Warm:
        """B problems that have no plan yet; problem i's random numbers depend on (seed, i) only."""
        if B < 1:
            raise LatentMPCError(f"B must be at least 1, got {B}")
        mean = self.middle.expand(B, self.horizon, -1).clone()
        std = (self.algorithm.std * self.half).expand_as(mean).clone()
        elites = mean.new_zeros(B, self.algorithm.kept, *mean.shape[1:])
        known = torch.zeros(B, dtype=torch.int64, device=mean.device)
        return Warm(mean, std, elites, known, first_keys(B, seed))

    def plan(
        self,
        cost: Cost,
        warm: Warm,
        *,
        proposals: Float[Tensor, "B P H A"] | None = None,
        budget: Budget | None = None,
    ) -> Plan:
        """Search for actions of low cost, starting from warm.

        Args:
            cost: if it has an attribute `exact`, a cost too, that one judges the last few plans:
                the nominal one, the best found, the kept elites. The search may then use a quicker
                cost, and `Plan.cost` is exact; these evaluations are not counted.
            proposals: plans of other origin to be among the first candidates; clipped to the
                bounds.
            budget: what to spend; by default the algorithm's `iterations` times its `samples`.

        Raises:
            ValueError: warm, proposals or what the cost returns do not fit, or the algorithm needs
                a gradient that cannot be had.
        """
        self._check_warm(warm)
        self._check_gradient(cost)
        with torch.no_grad():
            return self._plan(cost, warm, proposals, budget or Budget())

    def _plan(self, cost: Cost, warm: Warm, proposals: Tensor | None, budget: Budget) -> Plan:
        begin = self.clock()
        deadline = None if budget.seconds is None else begin + budget.seconds
        search = self._start(warm)
        nominal = best = centre = _unseen(search.mean)
        log: list[dict[str, Tensor]] = []
        evaluations = 0
        for noise in self._noise(warm, budget):
            candidates = self._candidates(search, noise, anew=not log)
            if not log:
                self._seed(candidates, warm, proposals)
            evaluations += candidates.shape[1]
            score, raw, search, diagnostics, least = self._step(cost, candidates, search)
            centre = Evaluated(candidates[:, 0].detach(), score[:, 0], raw[:, 0])
            nominal, best = (nominal, best.or_better(least)) if log else (centre, least)
            log.append({"best": best.cost, "mean": score, "std": search.std, **diagnostics})
            if deadline is not None and (now := self._now()) + (now - begin) / len(log) > deadline:
                break  # another one would end too late
        if exact := getattr(cost, "exact", None):
            cost, deadline = exact, None
            nominal, best = self._rescore(exact, nominal, best, search)
        if self.algorithm.execute == "mean":
            if deadline is None:
                centre, evaluations = self._evaluated(cost, search.mean), evaluations + 1
            best = centre.where(centre.score <= nominal.score, best)
        return self._finish(best, search, warm, log, evaluations)

    def _noise(self, warm: Warm, budget: Budget) -> Iterator[Tensor]:
        """Noise of each iteration `[B, N, H, A]`, drawn in one call per problem for as many
        iterations as the algorithm usually has.
        """
        counts, block, fields = budget.counts(self.algorithm), 0, self.algorithm
        shape = {"H": self.horizon, "A": len(self.low), "block": fields.block}
        while ahead := list(islice(counts, fields.iterations)):
            noise = draw(
                draw_seeds(warm.key, block),
                sum(ahead),
                **shape,
                beta=fields.noise_beta,
                knots=fields.knots,
                kind=fields.interpolation,
            )
            yield from noise.to(self.low).split(ahead, dim=1)
            block += 1

    def _start(self, warm: Warm) -> Search:
        """The search as the decision begins: every step with the initial std, the middle of the
        bounds where nothing is known.
        """
        known, fields = (warm.known > 0)[:, None, None], self.algorithm
        mean = torch.where(known, warm.mean, self.middle)
        std, cold = (max(x, fields.std_floor) for x in (fields.std, fields.cold_std or fields.std))
        fresh = torch.where(known, std * self.half, cold * self.half).expand_as(mean)
        none = mean.new_zeros(len(mean), 0, *mean.shape[1:])
        return Search(self._clip(mean), fresh, none, none[:, :, 0, 0], self.half, self.middle)

    def _candidates(self, search: Search, noise: Tensor, anew: bool) -> Tensor:
        """What the algorithm samples, inside the bounds, the nominal first and the global share
        last.
        """
        candidates = self.algorithm.sample(search, noise)
        wide = round(self.algorithm.global_share * noise.shape[1])
        # a descent goes on where it is
        if wide and (anew or not self.algorithm.takes_gradient(search)):
            candidates = torch.cat([candidates[:, :-wide], uniform(search, noise[:, -wide:])], 1)
        candidates = self._clip(candidates).contiguous()  # a sum's bits depend on the layout
        candidates[:, 0] = search.mean
        return candidates

    def _seed(self, candidates: Tensor, warm: Warm, proposals: Tensor | None) -> None:
        """Put proposals, then the elites of the last decision, behind the nominal; an elite's
        unknown steps stay freshly sampled.
        """
        P = 0
        if proposals is not None:
            if self.algorithm.proposal_share < 1:
                proposals = proposals[
                    :, : max(1, int(self.algorithm.proposal_share * candidates.shape[1]))
                ]
            self._check_proposals(proposals, candidates)
            P = proposals.shape[1]
            finite = torch.where(proposals.isfinite(), proposals.to(candidates), candidates[:, :1])
            candidates[:, 1 : P + 1] = self._clip(finite)
        room = candidates[:, P + 1 : P + 1 + warm.elites.shape[1]]
        known = torch.arange(self.horizon, device=candidates.device) < warm.known[:, None]  # (B, H)
        room.copy_(torch.where(known[:, None, :, None], warm.elites[:, : room.shape[1]], room))

    def _step(
        self, cost: Cost, candidates: Tensor, search: Search
    ) -> tuple[Tensor, Tensor, Search, dict[str, Tensor], Evaluated]:
        """One evaluation and one update, and the best candidate; a problem in which nothing is
        feasible keeps its mean and std.
        """
        if gradient := self.algorithm.takes_gradient(search):
            candidates.requires_grad_()
        with torch.set_grad_enabled(gradient):
            score, raw = evaluate(cost, candidates)
            new, diagnostics = self.algorithm.update(search, candidates, score)
        if gradient:
            candidates, score, raw = candidates.detach(), score.detach(), raw.detach()
        least = _least(candidates, score, raw)
        feasible = (least.score < torch.inf)[:, None, None]
        mean, std = (
            torch.where(feasible, self._clip(new.mean), search.mean),
            torch.where(feasible, new.std, search.std),
        )
        return score, raw, new._replace(mean=mean, std=std), diagnostics, least

    def _rescore(
        self, exact: Cost, nominal: Evaluated, best: Evaluated, search: Search
    ) -> tuple[Evaluated, Evaluated]:
        """The nominal plan and the best of it, the best found and the kept elites, by the cost that
        counts.
        """
        plans = torch.cat([nominal.actions[:, None], best.actions[:, None], search.elites], 1)
        score, raw = evaluate(exact, plans)
        return Evaluated(nominal.actions, score[:, 0], raw[:, 0]), _least(plans, score, raw)

    def _evaluated(self, cost: Cost, plan: Tensor) -> Evaluated:
        score, raw = evaluate(cost, plan[:, None])
        return Evaluated(plan, score[:, 0], raw[:, 0])

    def _finish(
        self,
        best: Evaluated,
        search: Search,
        warm: Warm,
        log: list[dict[str, Tensor]],
        evaluations: int,
    ) -> Plan:
        info = {name: _per_iteration([entry[name] for entry in log]) for name in log[0]}
        info["evaluations"] = torch.full_like(warm.key, evaluations)
        info["fell_back"] = best.score.isinf()
        info["infeasible"] = best.score >= VIOLATED
        known = torch.full_like(warm.known, self.horizon)
        return Plan(
            best.actions,
            best.cost,
            Warm(search.mean, search.std, search.elites, known, next_keys(warm.key)),
            info,
        )

    def _clip(self, actions: Tensor) -> Tensor:
        return torch.clamp(actions, *self.box)

    def _now(self) -> float:
        """Time [s] once the device has done what it was given; only deadlines ask for it."""
        if self.low.device.type not in ("cpu", "meta"):
            torch.accelerator.synchronize(self.low.device)
        return self.clock()

    def _check_warm(self, warm: Warm) -> None:
        expected = (self.horizon, len(self.low))
        if tuple(warm.mean.shape[1:]) != expected:
            raise LatentMPCError(
                f"warm must hold plans of [H, A] = {expected}, got {tuple(warm.mean.shape[1:])}"
            )

    def _check_gradient(self, cost: Cost) -> None:
        if not self.algorithm.differentiates:
            return
        if not getattr(cost, "differentiable", True):
            raise LatentMPCError(
                f"planner {self.algorithm.name!r} takes gradients, and this cost has none; cem,"
                " icem and mppi need none"
            )
        if torch.is_inference_mode_enabled():
            raise LatentMPCError(
                f"planner {self.algorithm.name!r} takes gradients, which torch.inference_mode"
                " forbids; plan under torch.no_grad"
            )

    def _check_proposals(self, proposals: Tensor, candidates: Tensor) -> None:
        B, N, H, A = candidates.shape
        if (
            proposals.ndim != 4
            or (proposals.shape[0], *proposals.shape[2:]) != (B, H, A)
            or proposals.shape[1] >= N
        ):
            raise LatentMPCError(
                f"proposals must be [B, P, H, A] = ({B}, at most {N - 1}, {H}, {A}), got"
                f" {tuple(proposals.shape)}"
            )


def _unseen(plan: Tensor) -> Evaluated:
    """A plan that every feasible one is better than."""
    score = plan.new_full(plan.shape[:1], torch.inf)
    return Evaluated(plan, score, score)


def _least(candidates: Tensor, score: Tensor, raw: Tensor) -> Evaluated:
    """The candidate of least score, the first of equal ones; scores are never NaN."""
    least, index = score.min(1)
    at = problems(len(index), index.device)
    return Evaluated(candidates[at, index], least, least if raw is score else raw[at, index])


def _per_iteration(entries: list[Tensor]) -> Float[Tensor, "B I"]:
    """One number per iteration: as logged, the mean of feasible scores `[B, N]`, or that of a std
    `[B, H, A]`.
    """
    if len({x.shape for x in entries}) > 1:
        return torch.cat([_per_iteration([x]) for x in entries], 1)
    together = torch.stack(entries, 1)
    if together.ndim == 2:
        return together
    return feasible_mean(together) if together.ndim == 3 else together.flatten(2).mean(-1)


def _check_bounds(low: Tensor, high: Tensor) -> None:
    if low.ndim != 1 or low.shape != high.shape or not len(low):
        raise LatentMPCError(
            f"low and high must both be [A], got {tuple(low.shape)} and {tuple(high.shape)}"
        )
    if low.is_meta:
        return  # has no values
    if not bool((low.isfinite() & high.isfinite() & (low < high)).all()):
        raise LatentMPCError(
            f"low must be below high, both finite, got low {low.tolist()} and high {high.tolist()}"
        )
