"""What each command can be told: one dataclass each. The comment on a field's line is its help; its default stands here only.

Groups (`task`, `model`, `training`, `planner`, `cost`) are folders beside this file; a file of a group names its schema in its
first lines (`/schema/planner/cem@_here_`), and `PARTS` says where the dataclass of that name stands. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from latent_mpc.configs.checks import at_least, one_of
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.names import CAMERAS, EXPORTS, NOVELTIES, OBS, PAIR_KINDS
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.behaviour import BehaviourConfig

# OmegaConf sees Any and takes the type from the group's schema, so that torch stays out.
if TYPE_CHECKING:
    from latent_mpc.agent.models.cost_to_go import CostToGoConfig
    from latent_mpc.agent.models.proposals import ProposalsConfig
    from latent_mpc.agent.models.world_model import ModelConfig
    from latent_mpc.agent.training.world_model import TrainingConfig
else:
    ModelConfig = TrainingConfig = CostToGoConfig = ProposalsConfig = Any

# group -> (module, class) of its dataclasses; {name} is the name after /schema/GROUP/ in the yaml, capitals and underscores aside.
PARTS = {
    "task": ("latent_mpc.configs.tasks", "{name}task"),
    "model": ("latent_mpc.agent.models.world_model", "ModelConfig"),
    "training": ("latent_mpc.agent.training.world_model", "TrainingConfig"),
    "cost_to_go": ("latent_mpc.agent.models.cost_to_go", "CostToGoConfig"),
    "proposals": ("latent_mpc.agent.models.proposals", "ProposalsConfig"),
    "planner": ("latent_mpc.planners.{name}", "{name}"),
    "cost": ("latent_mpc.agent.costs", "{name}cost"),
}


@dataclass
class PlannerConfig:
    """What every planner has; an algorithm's own fields come from its dataclass in planners/."""

    name: str = MISSING  # set by planner=NAME
    horizon: int = 0  # plan length [model steps], beyond it lies the learned cost-to-go; 0 = train chooses among 3, 5 and 8 by validation

    def __post_init__(self) -> None:
        at_least(self, horizon=0)

    def fields(self) -> dict[str, Any]:
        """The algorithm's own fields, for `planners.make(name, horizon=…, **fields)`."""
        return {key: value for key, value in vars(self).items() if key not in ("name", "horizon")}


@dataclass
class CostConfig:
    """What every cost has; its own fields come from its dataclass in agent/."""

    name: str = MISSING  # set by cost=NAME

    def fields(self) -> dict[str, Any]:
        """The cost's own fields."""
        return {key: value for key, value in vars(self).items() if key != "name"}


@dataclass
class CollectionConfig:
    """How much is collected, and how."""

    episodes: int = 800  # rollouts to have in the end [episodes]
    workers: int = 0  # processes; 0 = one per core; never changes the data
    start: list[int] = field(default_factory=list)  # cell [row,column] in which every episode starts, mazes only; empty = anywhere
    patience: float = 300.0  # for one episode, after which its worker counts as hung and is replaced; never changes the data [s]
    behaviour: BehaviourConfig = field(default_factory=BehaviourConfig)

    def __post_init__(self) -> None:
        at_least(self, episodes=1, workers=0, patience=1)


@dataclass
class ExploreConfig:
    """Rounds in which the agent collects data itself, before the training proper."""

    rounds: int = 0  # of training a little and collecting with the planner; 0 = random rollouts only
    episodes: int = 200  # collected in a round [episodes]
    steps: int = 2000  # updates of the world model and of the cost-to-go in a round
    novelty: str = "density"  # where its goals lie: density (few latents around) | disagreement (of the ensemble)

    def __post_init__(self) -> None:
        at_least(self, rounds=0, episodes=1, steps=1)
        one_of(self, novelty=NOVELTIES)


@dataclass
class PairsConfig:
    """Starts and goals; pair i depends on the task, this seed and i only."""

    seed: int = 0  # 0 validates training, 1 is the demo, 7 is reported
    kind: str = "independent"  # independent | same_trajectory
    offset: int = 25  # between start and goal of a same_trajectory pair, whose episode has twice as many [control steps]

    def __post_init__(self) -> None:
        at_least(self, seed=0, offset=1)
        one_of(self, kind=PAIR_KINDS)


@dataclass
class CameraConfig:
    """What takes the large pictures of a video; observations always come from the ray camera."""

    backend: str = "auto"  # gl where a library is found, else ray | ray | gl

    def __post_init__(self) -> None:
        one_of(self, backend=CAMERAS)


@dataclass
class _Experience:
    """What collecting and training share."""

    task: TaskConfig = MISSING
    obs: str = "state"  # what is observed: state | pixels | state+pixels
    seed: int = 0  # decides data, weights and noise, each from its own stream
    out: str = ""  # folder to write; empty = under runs/

    def __post_init__(self) -> None:
        at_least(self, seed=0)
        one_of(self, obs=OBS)

    @property
    def observations(self) -> tuple[str, ...]:
        """Keys of the observation."""
        return tuple(self.obs.split("+"))


@dataclass
class CollectConfig(_Experience, CollectionConfig):
    """`latent-mpc collect`."""

    def __post_init__(self) -> None:
        _Experience.__post_init__(self)
        CollectionConfig.__post_init__(self)

    def folder(self) -> Path:
        """Where the rollouts go: `out`, or the folder in which `train` would collect them."""
        return Path(self.out or f"runs/{self.task.label}-{self.obs}/data")


@dataclass
class TrainConfig(_Experience):
    """`latent-mpc train`."""

    data: str = ""  # folder of rollouts, or minari:NAME, which is copied into out/data; empty = collect into out/data
    data_skip: list[int] = field(default_factory=list)  # episodes to train without, as the message on damage or NaN names them
    device: str = "auto"  # auto | cpu | any torch device
    collect: CollectionConfig = field(default_factory=CollectionConfig)
    explore: ExploreConfig = field(default_factory=ExploreConfig)
    model: ModelConfig = MISSING
    training: TrainingConfig = MISSING
    cost_to_go: CostToGoConfig = MISSING
    proposals: ProposalsConfig = MISSING
    validation_episodes: int = 100  # pairs of pairs.seed=0 played at the end [episodes]
    planner: PlannerConfig = MISSING
    cost: CostConfig = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, validation_episodes=1)
        if self.explore.rounds and self.data:
            raise LatentMPCError("explore.rounds goes on with rollouts of its own in out/data; leave data empty")
        if self.explore.rounds and self.explore.novelty == "disagreement" and self.model.ensemble == 1:
            raise LatentMPCError("explore.novelty=disagreement needs model.ensemble of 2 or more, got 1")
        if self.training.least_rank > self.model.latent:
            rank, latent = self.training.least_rank, self.model.latent
            raise LatentMPCError(f"training.least_rank must be at most model.latent, which no rank is above, got {rank} and {latent}")

    def folder(self) -> Path:
        """The checkpoint's folder."""
        return Path(self.out or f"runs/{self.task.label}-{self.obs}")


@dataclass
class TrustConfig:
    """What a user says of a checkpoint's task."""

    id: str = ""  # a checkpoint's own task.id, repeated: lets it import the Python module that it names


@dataclass
class _Evaluation:
    """What judging and showing a checkpoint share."""

    checkpoint: str = ""  # a name that ships, or a folder that `train` wrote
    task: TrustConfig = field(default_factory=TrustConfig)
    episodes: int = 100  # pairs, one episode each [episodes]
    pairs: PairsConfig = field(default_factory=PairsConfig)
    seed: int = 0  # of the planner's random numbers
    device: str = "auto"  # auto | cpu | any torch device
    planner: PlannerConfig = MISSING
    cost: CostConfig = MISSING

    def __post_init__(self) -> None:
        at_least(self, episodes=1, seed=0)


@dataclass
class EvaluateConfig(_Evaluation):
    """`latent-mpc evaluate`."""

    oracle: bool = False  # play the same planner in the real simulator too, its cost privileged; minutes, then kept in out/cache
    oracle_horizon: int = 0  # the oracle's plan length; 0 = planner.horizon [model steps]
    reuse: list[str] = field(default_factory=list)  # other folders written by this command, whose oracle results are taken
    out: str = ""  # folder to write; empty = under runs/

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, oracle_horizon=0)

    def folder(self) -> Path:
        """Where results.json goes."""
        return Path(self.out or f"runs/evaluate-{Path(self.checkpoint).name}")


@dataclass
class DemoConfig(_Evaluation):
    """`latent-mpc demo`."""

    camera: CameraConfig = field(default_factory=CameraConfig)

    out: str = "videos"  # folder to write


@dataclass
class HorizonConfig(_Evaluation):
    """`latent-mpc horizon`."""

    horizons: list[int] = field(default_factory=lambda: [1, 2, 3, 5, 8, 12, 16, 24])  # plan lengths to compare [model steps]
    full: bool = False  # everything at every horizon and on both seeds, the oracle on all pairs; hours
    oracle: bool = True  # play the same planner in the real simulator too, at three horizons
    report_seed: int = 7  # pairs on which the chosen settings are reported; the choice is made on pairs.seed
    data_seed: int = 1000  # of the random episodes on which model and cost are measured; must not be the training's
    data_episodes: int = 120  # random episodes, three quarters of them to fit probes on [episodes]
    only: str = ""  # "sweep": fill the cache at these horizons and write no report, as one of several machines; empty = all
    reuse: list[str] = field(default_factory=list)  # other folders written by this command, whose results are taken
    videos: bool = True  # show episodes in the report
    camera: CameraConfig = field(default_factory=CameraConfig)
    out: str = ""  # folder to write; empty = under runs/

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, report_seed=0, data_seed=0, data_episodes=8)
        one_of(self, only=("", "sweep"))
        if not self.horizons or min(self.horizons) < 1:
            raise LatentMPCError(f"horizons must be one or more numbers of at least 1, got {self.horizons}")
        if self.report_seed == self.pairs.seed:
            raise LatentMPCError(f"report_seed must differ from pairs.seed, on which the choice is made, both are {self.report_seed}")

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
            raise LatentMPCError("path must be given: latent-mpc inspect PATH, a folder of rollouts or a checkpoint")

    def folder(self) -> Path:
        """Where the pictures go."""
        return Path(self.out or f"runs/inspect-{'-'.join(Path(self.path).resolve().parts[-2:])}")


@dataclass
class ExportConfig:
    """`latent-mpc export`."""

    format: str = ""  # what to write: minari
    path: str = ""  # folder of rollouts
    name: str = ""  # of the data set; empty = latent-mpc/TASK-OBS-v0

    def __post_init__(self) -> None:
        one_of(self, format=EXPORTS)
        if not self.path:
            raise LatentMPCError("path must be given: latent-mpc export FORMAT PATH, a folder of rollouts")
