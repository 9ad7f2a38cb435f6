"""Config dataclass of each command. The comment on a field's line is its help; its default stands
here only.

Groups (`task`, `budget`, `model`, `training`, `planner`, `cost`, and each learned head) have
choices: `hydra_groups.py` finds them. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from latent_mpc.configs.budgets import BudgetConfig
from latent_mpc.configs.checks import at_least, one_of, within
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import (
    CAMERAS,
    DONE,
    ENGINES,
    EXPORTS,
    LOOPBACK,
    NOVELTIES,
    OBS,
    PAIR_KINDS,
    SPEEDS,
    WHAT_IFS,
)
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.behaviour import BehaviourConfig

# OmegaConf sees Any and takes the type from the group's schema, so that torch stays out.
if TYPE_CHECKING:
    from latent_mpc.agent.models.latent_model import ModelConfig
    from latent_mpc.agent.training.world_model import TrainingConfig
else:
    ModelConfig = TrainingConfig = Any


@dataclass
class PlannerConfig:
    """What every planner has; an algorithm's own fields come from its dataclass in planners/."""

    name: str = MISSING  # set by planner=NAME
    horizon: int = 0  # plan length [model steps]; 0 = train picks 3, 5 or 8 by validation

    def __post_init__(self) -> None:
        at_least(self, horizon=0)


@dataclass
class CostConfig:
    """What every cost has; its own fields come from its dataclass in agent/."""

    name: str = MISSING  # set by cost=NAME


@dataclass
class NamedConfig:
    """What every family of world models has; its own fields come from its dataclass in
    agent/models/.
    """

    name: str = MISSING  # set by model=NAME


@dataclass
class CollectionConfig:
    """How much is collected, and how."""

    episodes: int = 800  # rollouts to have in the end [episodes]
    workers: int = 0  # number of processes; 0 = one per core; never changes the data
    # cell [row,column] of every start, mazes only; empty = anywhere
    start: list[int] = field(default_factory=list)
    patience: float = 300.0  # time for an episode [s], beyond which its worker is replaced
    behaviour: BehaviourConfig = field(default_factory=BehaviourConfig)

    def __post_init__(self) -> None:
        at_least(self, episodes=1, workers=0, patience=1)


@dataclass
class ExploreConfig:
    """Rounds in which the agent collects data itself, before the training proper."""

    rounds: int = 0  # rounds of brief training and collecting; 0 = random play only
    episodes: int = 200  # rollouts collected in a round [episodes]
    steps: int = 2000  # updates of world model and cost-to-go in a round
    novelty: str = "density"  # one of NOVELTIES: where its goals lie

    def __post_init__(self) -> None:
        at_least(self, rounds=0, episodes=1, steps=1)
        one_of(self, novelty=NOVELTIES)


@dataclass
class PairsConfig:
    """Starts and goals; pair i depends on the task, this seed and i only."""

    seed: int = 0  # seed of the pairs: 0 validates training, 1 is the demo, 7 is reported
    kind: str = "independent"  # one of PAIR_KINDS
    # control steps from start to goal of a same_trajectory pair; its episode has twice as many
    offset: int = 25

    def __post_init__(self) -> None:
        at_least(self, seed=0, offset=1)
        one_of(self, kind=PAIR_KINDS)


@dataclass
class CameraConfig:
    """What takes the large pictures of a video; observations always come from the ray camera."""

    backend: str = "auto"  # one of CAMERAS; auto = gl where its library is found, else ray

    def __post_init__(self) -> None:
        one_of(self, backend=CAMERAS)


@dataclass
class _Experience:
    """What collecting and training share."""

    task: TaskConfig = MISSING
    obs: str = "state"  # what is observed: one of OBS
    seed: int = 0  # seed of data, weights and noise, each from its own stream
    out: str = ""  # folder to write; empty = under runs/

    def __post_init__(self) -> None:
        at_least(self, seed=0)
        one_of(self, obs=OBS)
        if getattr(self.task, "distractor", "none") != "none" and "pixels" not in self.obs:
            raise LatentMPCError(
                "task.distractor is seen in pictures only: give obs=pixels or obs=state+pixels, or"
                f" task.distractor=none, got obs={self.obs}"
            )

    @property
    def observations(self) -> tuple[str, ...]:
        """Keys of the observation."""
        return tuple(self.obs.split("+"))


@dataclass
class CollectConfig(_Experience, CollectionConfig):
    """`latent-mpc collect`."""

    engine: str = "local"  # one of ENGINES: processes of this machine, or a Ray cluster's

    def __post_init__(self) -> None:
        _Experience.__post_init__(self)
        CollectionConfig.__post_init__(self)
        one_of(self, engine=ENGINES)

    def folder(self) -> Path:
        """Where the rollouts go: `out`, or the folder in which `train` would collect them."""
        return Path(self.out or f"runs/{self.task.label}-{self.obs}/data")


@dataclass
class TrainConfig(_Experience):
    """`latent-mpc train`; a field for each learned head is added (`hydra_groups.command_class`)."""

    budget: BudgetConfig = MISSING
    data: str = ""  # folder, [A,B], runs/*/data or minari:NAME; empty = collect
    # episodes left out, as the message on damage or NaN names them
    data_skip: list[int] = field(default_factory=list)
    device: str = "auto"  # auto | cpu | any torch device
    collect: CollectionConfig = field(default_factory=CollectionConfig)
    explore: ExploreConfig = field(default_factory=ExploreConfig)
    model: ModelConfig = MISSING
    training: TrainingConfig = MISSING
    validation_episodes: int = 100  # pairs of pairs.seed=0 evaluated at the end [episodes]
    # costs that are validated too where a part of a goal counts
    other_costs: list[str] = field(default_factory=lambda: ["value", "coordinates"])
    planner: PlannerConfig = MISSING
    cost: CostConfig = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, validation_episodes=1)
        if self.explore.rounds and self.data:
            raise LatentMPCError(
                "explore.rounds goes on with rollouts of its own in out/data; leave data empty"
            )
        if (
            self.explore.rounds
            and self.explore.novelty == "disagreement"
            and self.model.ensemble == 1
        ):
            raise LatentMPCError(
                "explore.novelty=disagreement needs model.ensemble of 2 or more, got 1"
            )
        rank, latent = self.training.least_rank, getattr(self.model, "latent", None)
        if latent and rank > latent:
            raise LatentMPCError(
                "training.least_rank must be at most model.latent, which no rank is above, got"
                f" {rank} and {latent}"
            )

    def folder(self) -> Path:
        """The checkpoint's folder."""
        return Path(self.out or f"runs/{self.task.label}-{self.obs}")


@dataclass
class TrustConfig:
    """What a user says of a checkpoint's task."""

    # task.id of the checkpoint, repeated to allow the import of the module that it names
    id: str = ""


@dataclass
class _Agent:
    """A checkpoint, and how it plans."""

    checkpoint: str = ""  # name of a shipped checkpoint, or a folder that `train` wrote
    task: TrustConfig = field(default_factory=TrustConfig)
    pairs: PairsConfig = field(default_factory=PairsConfig)
    seed: int = 0  # seed of the planner's random numbers
    device: str = "auto"  # auto | cpu | any torch device
    planner: PlannerConfig = MISSING
    cost: CostConfig = MISSING

    def __post_init__(self) -> None:
        at_least(self, seed=0)


@dataclass
class _Evaluation(_Agent):
    """What judging and showing a checkpoint share."""

    episodes: int = 100  # pairs, one episode each [episodes]

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, episodes=1)


@dataclass
class EvaluateConfig(_Evaluation):
    """`latent-mpc evaluate`."""

    # evaluate the planner in the real simulator too, minutes; kept in out/cache
    oracle: bool = False
    engine: str = "local"  # one of ENGINES: processes of this machine, or a Ray cluster's
    oracle_horizon: int = 0  # plan length of the oracle [model steps]; 0 = planner.horizon
    # other folders of this command, whose oracle results are reused
    reuse: list[str] = field(default_factory=list)
    out: str = ""  # folder to write; empty = under runs/

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, oracle_horizon=0)
        one_of(self, engine=ENGINES)

    def folder(self) -> Path:
        """Where results.json goes."""
        return Path(self.out or f"runs/evaluate-{Path(self.checkpoint).name}")


@dataclass
class DemoConfig(_Evaluation):
    """`latent-mpc demo`."""

    camera: CameraConfig = field(default_factory=CameraConfig)

    out: str = "videos"  # folder to write


@dataclass
class FittedDecoderConfig:
    """The decoder that a checkpoint lacks: fitted once, on frozen latents, and kept beside it."""

    # camera whose pictures are decoded, by name or view:X:Y:Z:DISTANCE:AZIMUTH:ELEVATION; empty =
    # what the model sees; of states the robot is then drawn, not decoded
    camera: str = ""
    episodes: int = (
        300  # random rollouts to fit on, unless the checkpoint's own are there [episodes]
    )
    steps: int = 3000  # number of updates
    width: int = 32  # channels of the last layers

    def __post_init__(self) -> None:
        at_least(self, episodes=1, steps=1, width=1)


@dataclass
class ImagineConfig(_Evaluation):
    """`latent-mpc imagine`."""

    steps: int = 30  # how far is imagined [model steps]
    # what is done: random, as in rollouts; plan, what the agent does on its way to the pairs'
    # goals; FILE.npy of actions [T, A] or [futures, T, A] in [-1, 1], from rest
    actions: str = "random"
    # other actions from the same moments: zero; reverse, the opposite ones; other, those of the
    # next future; FILE.npy; empty = none
    what_if: str = ""
    measured: int = 200  # futures that errors are measured on; the first `episodes` are shown
    decoder: FittedDecoderConfig = field(default_factory=FittedDecoderConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    out: str = "videos"  # folder to write

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, steps=1, measured=1)
        for key, names in (("actions", DONE), ("what_if", ("", *WHAT_IFS))):
            value = getattr(self, key)
            if value not in names and not value.endswith(".npy"):
                raise LatentMPCError(
                    f"{key} must be {', '.join(filter(None, names))} or FILE.npy, got {value!r}"
                )

    def folder(self) -> Path:
        """Where rollouts and states of the decoder's fit go."""
        return Path(f"runs/imagine-{Path(self.checkpoint).resolve().name}")


@dataclass
class PlayConfig(_Agent):
    """`latent-mpc play`."""

    pair: int = 0  # number of the pair to begin with; those after it follow
    # positions to begin with, and of the goal, in the place of that pair's [rad, m]
    start: list[float] = field(default_factory=list)
    goal: list[float] = field(default_factory=list)
    speed: float = 1.0  # pace of the robot [times real time]
    host: str = "127.0.0.1"  # address to listen on; from another one a token is asked for
    port: int = 8080  # port to listen on, or the next that is free; 0 = any
    out: str = ""  # folder for what is kept; empty = under runs/

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, pair=0, port=0)
        within(self, speed=SPEEDS)
        if self.port > 65535:
            raise LatentMPCError(f"port must be at most 65535, got {self.port}")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the page."""
        return self.host in LOOPBACK

    def folder(self) -> Path:
        """Where recordings and clips go."""
        return Path(self.out or f"runs/play-{Path(self.checkpoint).name}")


@dataclass
class HorizonConfig(_Evaluation):
    """`latent-mpc horizon`."""

    # plan lengths to compare [model steps]
    horizons: list[int] = field(default_factory=lambda: [1, 2, 3, 5, 8, 12, 16, 24])
    # everything at every horizon and on both seeds, the oracle on all pairs; hours
    full: bool = False
    oracle: bool = True  # evaluate the planner in the real simulator too, at three horizons
    engine: str = "local"  # one of ENGINES: processes of this machine, or a Ray cluster's
    # pairs on which the chosen settings are reported; the choice is made on pairs.seed
    report_seed: int = 7
    # seed of the random episodes that model and cost are measured on; not the training's
    data_seed: int = 1000
    data_episodes: int = 120  # random episodes, of which three quarters fit the probes [episodes]
    # sweep = fill the cache at these horizons, as one of several machines, without a report; empty
    # = all
    only: str = ""
    # other folders of this command, whose results are reused
    reuse: list[str] = field(default_factory=list)
    videos: bool = True  # show episodes in the report
    camera: CameraConfig = field(default_factory=CameraConfig)
    out: str = ""  # folder to write; empty = under runs/

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, report_seed=0, data_seed=0, data_episodes=8)
        one_of(self, only=("", "sweep"), engine=ENGINES)
        if not self.horizons or min(self.horizons) < 1:
            raise LatentMPCError(
                f"horizons must be one or more numbers of at least 1, got {self.horizons}"
            )
        if self.report_seed == self.pairs.seed:
            raise LatentMPCError(
                "report_seed must differ from pairs.seed, on which the choice is made, both are"
                f" {self.report_seed}"
            )

    def folder(self) -> Path:
        """Where horizon.json and report.html go."""
        return Path(self.out or f"runs/horizon-{Path(self.checkpoint).name}")


@dataclass
class InspectConfig:
    """`latent-mpc inspect`."""

    path: str = ""  # folder of rollouts, or a checkpoint: a folder or the name of one that ships
    verify: bool = False  # read everything and compare checksums; --verify says the same
    out: str = ""  # folder for the pictures; empty = under runs/

    def __post_init__(self) -> None:
        if not self.path:
            raise LatentMPCError(
                "path must be given: latent-mpc inspect PATH, a folder of rollouts or a checkpoint"
            )

    def folder(self) -> Path:
        """Where the pictures go."""
        return Path(self.out or f"runs/inspect-{'-'.join(Path(self.path).resolve().parts[-2:])}")


@dataclass
class ExportConfig:
    """`latent-mpc export`."""

    format: str = ""  # what to write: one of EXPORTS
    path: str = ""  # folder of rollouts
    name: str = ""  # name of the data set; empty = latent-mpc/TASK-OBS-v0

    def __post_init__(self) -> None:
        one_of(self, format=EXPORTS)
        if not self.path:
            raise LatentMPCError(
                "path must be given: latent-mpc export FORMAT PATH, a folder of rollouts"
            )
