"""How well the model imagines: open-loop prediction error against steps ahead, on fresh random
episodes that training never saw.

In the latent's own unit, and in physical units: probes, fitted on some episodes and tested on
others, read position and velocity out of imagined latents. Beside it what costs nothing: copying
the last state, and the mean. Where the model stops beating both, it is of no use.

Shapes: N latents, W windows, K steps ahead, D latent, P physical numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent.build import Parts
from latent_mpc.agent.models.networks import mlp
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.seeding import stream
from latent_mpc.envs.adapters.joints import HINGE
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.task import Task

FIT = 0.75  # share of the episodes that probes are fitted on
PROBE_STEPS, PROBE_BATCH, PROBE_RATE = 2000, 512, 2e-3
RIDGE = 1e-3  # weight of the linear probe's regulariser, latents having unit variance


@dataclass
class Latents:
    """Random episodes as the agent would see them, one row a model step."""

    z: Tensor  # (N, D)
    last: np.ndarray  # (N,) last row of each row's episode
    actions: Tensor  # (N, A) the block that follows each row; zero in an episode's last
    physics: np.ndarray  # (N, n) simulator states
    test: np.ndarray  # (N,) bool: of an episode that no probe is fitted on


def encode(parts: Parts, rollouts: Rollouts, repeat: int) -> Latents:
    """Latents, actions and simulator states of every model step."""
    z, last, source = encode_rollouts(parts.model, rollouts, repeat, rollouts.path)
    rows = np.minimum(source[:, None] + np.arange(repeat), len(rollouts.arrays["action"]) - 1)
    blocks = rollouts.arrays["action"][rows].reshape(len(z), -1)
    blocks[np.arange(len(z)) == last] = 0.0
    episode = np.searchsorted(np.unique(last), last)
    test = episode >= round(FIT * len(rollouts))
    return Latents(
        z, last, torch.as_tensor(blocks, device=z.device), rollouts.arrays["physics"][source], test
    )


def physical(task: Task, states: np.ndarray) -> dict[str, tuple[np.ndarray, str]]:
    """What probes read: name -> (numbers `[N, P]`, unit)."""
    hinge = task.model.jnt_type == HINGE
    unit = "rad/s" if hinge.all() else "m/s" if not hinge.any() else "m/s and rad/s"
    return {
        "position": (task.tracked_point(states), "m"),
        "velocity": (task.qpos_qvel(states)[1], unit),
    }


def measure_imagination(
    parts: Parts, task: Task, latents: Latents, steps: int, seed: int
) -> dict[str, Any]:
    """Errors 1 .. `steps` model steps ahead over all windows of the test episodes; all are roots of
    mean squares.

    Returns `{"windows": W, "latent": curves, "position": {"unit": …, "linear": curves, "mlp":
    curves}, "velocity": …}`; curves are `{"model": [K], "copy": [K], "mean": [K], "usable": the
    last step up to which the model beats both}`; those of a probe also have "encoded": its error on
    latents that were seen, not imagined, which is the probe's own.
    """
    starts = np.flatnonzero(latents.test & (np.arange(len(latents.z)) + steps <= latents.last))
    if not len(starts):
        raise LatentMPCError(f"no test episode is {steps} model steps long; give shorter horizons")
    ahead = starts[:, None] + 1 + np.arange(steps)  # (W, K)
    with torch.inference_mode():
        # (W, K, D)
        imagined = parts.model.rollout_ensemble(
            latents.z[starts], latents.actions[starts[:, None] + np.arange(steps)]
        )[0]
    fitted = ~latents.test
    true, mean = latents.z[ahead], latents.z[fitted].mean(dim=0)
    result: dict[str, Any] = {"windows": len(starts), "steps": list(range(1, steps + 1))}
    result["latent"] = _curves(
        {"model": imagined, "copy": latents.z[starts][:, None], "mean": mean}, true, per_number=True
    )
    for name, (numbers, unit) in physical(task, latents.physics).items():
        target = torch.as_tensor(numbers, dtype=torch.float32, device=true.device)
        result[name] = {"unit": unit}
        for kind, fit in (("linear", fit_linear), ("mlp", fit_mlp)):
            probe = fit(latents.z[fitted], target[fitted], seed)
            with torch.inference_mode():
                guesses = {
                    "model": probe(imagined),
                    "copy": target[starts][:, None],
                    "mean": target[fitted].mean(dim=0),
                }
                result[name][kind] = _curves({**guesses, "encoded": probe(true)}, target[ahead])
    return result


def fit_linear(z: Tensor, target: Tensor, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Ridge regression with an intercept."""
    x = torch.cat([z, torch.ones_like(z[:, :1])], dim=1).double()
    ridge = RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    ridge[-1, -1] = 0.0
    weight = torch.linalg.solve(x.T @ x + ridge, x.T @ target.double()).float()
    return lambda latent: latent @ weight[:-1] + weight[-1]


def fit_mlp(z: Tensor, target: Tensor, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Two hidden layers, by Adam; its weights depend on the seed only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        probe = mlp(z.shape[1], target.shape[1], 128).to(z.device)
    mean, std = target.mean(dim=0), target.std(dim=0).clamp_min(1e-6)
    # a clone: inference tensors have no gradients
    rng, expected, z = stream(seed), (target - mean) / std, z.clone()
    optimiser = torch.optim.Adam(probe.parameters(), PROBE_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, PROBE_STEPS)
    for _ in range(PROBE_STEPS):
        rows = torch.as_tensor(rng.integers(len(z), size=PROBE_BATCH), device=z.device)
        optimiser.zero_grad()
        (probe(z[rows]) - expected[rows]).square().mean().backward()
        optimiser.step()
        schedule.step()
    return lambda latent: probe(latent) * std + mean


def usable(model: np.ndarray, *others: np.ndarray) -> int:
    """The last step up to which the model's error lies below all others' `[K]`; 0 if it never
    does.
    """
    worse = np.flatnonzero(model >= np.min(others, axis=0))
    return int(worse[0]) if len(worse) else len(model)


def _curves(guesses: dict[str, Tensor], true: Tensor, per_number: bool = False) -> dict[str, Any]:
    """Root mean square error of each guess at each step `[K]`: of the vector, or of one of its
    numbers.
    """
    square = {name: (guess - true).square() for name, guess in guesses.items()}
    errors = {
        name: (x.mean(dim=-1) if per_number else x.sum(dim=-1)).mean(dim=0).sqrt().cpu().numpy()
        for name, x in square.items()
    }
    result: dict[str, Any] = {name: error.tolist() for name, error in errors.items()}
    return {**result, "usable": usable(errors["model"], errors["copy"], errors["mean"])}
