"""Several processes, ranks, that train together: `torchrun … -m latent_mpc train`. All that knows
torch.distributed.

Every rank draws the same batch from the same random numbers and keeps its rows (`own`); what is
measured over a batch is measured over the rows of all (`gather`); gradients are averaged. So N
ranks compute what one would, and nothing on disk depends on N. Rank 0 alone speaks and writes.
Without torchrun there is one rank, no process group, and each function gives back what it got.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from latent_mpc.configs.errors import FailedError, LatentMPCError

# of waiting for another rank: rank 0 collects for hours; one that dies is noticed at once
PATIENCE = timedelta(days=30)
LOST = (
    "another rank of the training ended, or torchrun was told to stop; the same command again goes"
    " on from what was saved last"
)
PIECE = 2**24  # numbers exchanged at a time
Rows = TypeVar("Rows", Tensor, np.ndarray)

_joined = False  # not merely that there is a process group, which may be the caller's


def count() -> int:
    """How many ranks there are; 1 without torchrun."""
    return dist.get_world_size() if _joined else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if _joined else 0


# Joining


@contextmanager
def joined() -> Iterator[None]:
    """Within, this process is the rank that torchrun's environment says. Whatever ends the job is
    said once, by the rank that it first ends; the others leave with status 1 and no word.
    """
    global _joined
    try:
        store, number, ranks = next(dist.rendezvous("env://"))
    except (ValueError, RuntimeError) as error:
        raise LatentMPCError(
            f"RANK and WORLD_SIZE say that torchrun started this process, but {error}; start it"
            " with torchrun, or unset both"
        ) from error
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        with _exchanging():
            dist.init_process_group(
                backend, store=store, rank=number, world_size=ranks, timeout=PATIENCE
            )
        _joined = True
        with _told_to_end(), _silent(number > 0):
            yield
    except (Exception, KeyboardInterrupt) as error:
        if not _first_to_fail(store):
            raise SystemExit(1) from error
        raise
    finally:
        _joined = False
        if dist.is_initialized():
            dist.destroy_process_group()


def _first_to_fail(store: Any) -> bool:
    try:
        return bool(store.add("failed", 1) == 1)
    except RuntimeError:  # it ended with torchrun
        return True


@contextmanager
def _told_to_end() -> Iterator[None]:
    """torchrun ends the ranks that are left by SIGTERM."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise FailedError(LOST)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is ending, and has something to say
        raise
    signal.signal(signal.SIGTERM, before)


@contextmanager
def _silent(silent: bool) -> Iterator[None]:
    with ExitStack() as stack:
        if silent:
            nowhere = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        yield


@contextmanager
def _exchanging() -> Iterator[None]:
    """Raise RuntimeError, in words, where another rank is gone."""
    try:
        yield
    except RuntimeError as error:
        raise error if isinstance(error, FailedError) else FailedError(LOST) from error


# What a rank has for itself


def own_device(device: torch.device) -> torch.device:
    """The device, of several of its kind the rank's own. Raises ValueError where there are too few,
    or one is asked for by its number.
    """
    if count() == 1 or device.type == "cpu":
        return device
    number, there = int(os.environ.get("LOCAL_RANK", rank())), torch.accelerator.device_count()
    if device.index is not None or number >= there:
        raise LatentMPCError(
            f"each rank needs a {device.type} device of its own, got device={device} and {there} of"
            f" them here; give --nproc-per-node {there} and device={device.type}, or device=cpu"
        )
    torch.accelerator.set_device_index(number)
    return torch.device(device.type, number)


def require_split(key: str, batch: int) -> None:
    """Raise ValueError unless a batch can be split over the ranks evenly."""
    if left := batch % count():
        less, more = batch - left, batch - left + count()
        would_do = f"{less} or {more}" if less else str(more)
        raise LatentMPCError(
            f"{key} must divide by the number of ranks, got {batch} for {count()}; give"
            f" {key}={would_do}, or another --nproc-per-node"
        )


def own(rows: Rows, dim: int = 0) -> Rows:
    """The rank's part of what all have in common; its length must divide by their number."""
    if count() == 1:
        return rows
    part = rows.shape[dim] // count()
    at = slice(rank() * part, (rank() + 1) * part)
    return rows[(slice(None),) * dim + (at,)]


# What ranks exchange


def gather(rows: Float[Tensor, "B ..."]) -> Float[Tensor, "M ..."]:
    """The rows of all ranks, in the order that `own` splits. Where their gradients are averaged,
    a loss of these counts in full.
    """
    return rows if count() == 1 else _Gather.apply(rows)


class _Gather(torch.autograd.Function):
    """Every rank computes with the rows of each: their gradients add up."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        rows = rows.contiguous()
        parts = [torch.empty_like(rows) for _ in range(count())]
        with _exchanging():
            dist.all_gather(parts, rows)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        _add_up(total)
        return own(total)


@torch.no_grad()
def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Of all ranks, in place."""
    if count() == 1:
        return
    gradients = [one.grad for one in parameters if one.grad is not None]
    total = torch.cat([one.flatten() for one in gradients])
    _add_up(total)
    parts = (total / count()).split([one.numel() for one in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def mean(terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Of numbers that each rank has, by name."""
    if count() == 1:
        return terms
    total = torch.stack([term.detach().double().cpu() for term in terms.values()])
    _add_up(total)
    return dict(zip(terms, total / count(), strict=True))


def anywhere(here: bool) -> bool:
    """Whether it is so on any rank."""
    if count() == 1:
        return here
    total = torch.tensor([float(here)])
    _add_up(total)
    return bool(total > 0)


def add_up_rows(rows: Float[Tensor, "N D"]) -> None:
    """Sums over the ranks, in place: of zeros, but for the rows that each has filled."""
    if count() > 1:
        for piece in rows.split(max(1, PIECE // max(1, rows.shape[1]))):
            _add_up(piece)


def by_first(work: Callable[[], object]) -> None:
    """Let rank 0 do it while the others wait."""
    if rank() == 0:
        work()
    anywhere(False)  # which all wait for


def _add_up(total: Tensor) -> None:
    """Sum over the ranks, in place; the same bits on each."""
    with _exchanging():
        dist.all_reduce(total)
