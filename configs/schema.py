"""What each command can be told: one dataclass each. The comment on a field's line is its help; its default stands here only.

Groups (`task`, `model`, `training`, `planner`, `cost`) are folders beside this file; a file of a group names its schema in its
first lines (`/schema/planner/cem@_here_`), and `PARTS` says where the dataclass of that name stands. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from latent_mpc.envs.behaviour import BehaviourConfig

# OmegaConf sees Any and takes the type from the group's schema, so that torch stays out.
if TYPE_CHECKING:
    from latent_mpc.agent.cost_to_go import CostToGoConfig
    from latent_mpc.agent.training import TrainingConfig
    from latent_mpc.agent.world_model import ModelConfig
else:
    ModelConfig = TrainingConfig = CostToGoConfig = Any

# group -> (module, class) of its dataclasses; {name} is the name after /schema/GROUP/ in the yaml, capitals and underscores aside.
PARTS = {
    "task": ("latent_mpc.configs.schema", "TaskConfig"),
    "model": ("latent_mpc.agent.world_model", "ModelConfig"),
    "training": ("latent_mpc.agent.training", "TrainingConfig"),
    "cost_to_go": ("latent_mpc.agent.cost_to_go", "CostToGoConfig"),
    "planner": ("latent_mpc.planners.{name}", "{name}"),
    "cost": ("latent_mpc.agent.costs", "{name}cost"),
}
OBS = ("state", "pixels", "state+pixels")
EXPORTS = ("minari",)
CAMERAS = ("auto", "ray", "gl")
PAIRS = ("independent", "same_trajectory")


def at_least(config: object, **bounds: float) -> None:
    """Raise ValueError if a field lies below its bound: `at_least(self, episodes=1)`."""
    for name, bound in bounds.items():
        if not getattr(config, name) >= bound:
            raise ValueError(f"{name} must be at least {bound}, got {getattr(config, name)}")


def one_of(config: object, **choices: tuple[str, ...]) -> None:
    """Raise ValueError if a field is none of its choices: `one_of(self, obs=OBS)`."""
    for name, valid in choices.items():
        if getattr(config, name) not in valid:
            raise ValueError(f"{name} must be one of {', '.join(valid)}; got {getattr(config, name)!r}")


@dataclass
class TaskConfig:
    """A task and how the agent meets it."""

    name: str = MISSING  # name in the registry of tasks
    action_repeat: int = 1  # control steps in one model step [control steps]
    size: int = 64  # rows and columns of the pixels [pixels]

    def __post_init__(self) -> None:
        at_least(self, action_repeat=1, size=16)


@dataclass
class PlannerConfig:
    """What every planner has; an algorithm's own fields come from its dataclass in planners/."""

    name: str = MISSING  # set by planner=NAME
    horizon: int = 3  # plan length [model steps]; beyond it lies the learned cost-to-go (docs/log.md)

    def __post_init__(self) -> None:
        at_least(self, horizon=1)

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
    patience: float = 300.0  # for one episode, after which its worker counts as hung and is replaced; never changes the data [s]
    behaviour: BehaviourConfig = field(default_factory=BehaviourConfig)

    def __post_init__(self) -> None:
        at_least(self, episodes=1, workers=0, patience=1)


@dataclass
class PairsConfig:
    """Starts and goals; pair i depends on the task, this seed and i only."""

    seed: int = 0  # 0 validates training, 1 is the demo, 7 is reported
    kind: str = "independent"  # independent | same_trajectory
    offset: int = 25  # between start and goal of a same_trajectory pair, whose episode has twice as many [control steps]

    def __post_init__(self) -> None:
        at_least(self, seed=0, offset=1)
        one_of(self, kind=PAIRS)


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
        return Path(self.out or f"runs/{self.task.name}-{self.obs}/data")


@dataclass
class TrainConfig(_Experience):
    """`latent-mpc train`."""

    data: str = ""  # folder of rollouts, or minari:NAME, which is copied into out/data; empty = collect into out/data
    data_skip: list[int] = field(default_factory=list)  # damaged episodes to train without, as inspect PATH --verify names them
    device: str = "auto"  # auto | cpu | any torch device
    collect: CollectionConfig = field(default_factory=CollectionConfig)
    model: ModelConfig = MISSING
    training: TrainingConfig = MISSING
    cost_to_go: CostToGoConfig = MISSING
    validation_episodes: int = 50  # pairs of pairs.seed=0 played at the end [episodes]
    planner: PlannerConfig = MISSING
    cost: CostConfig = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, validation_episodes=1)

    def folder(self) -> Path:
        """The checkpoint's folder."""
        return Path(self.out or f"runs/{self.task.name}-{self.obs}")


@dataclass
class _Evaluation:
    """What judging and showing a checkpoint share."""

    checkpoint: str = ""  # a name that ships, or a folder that `train` wrote
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

    oracle: bool = False  # play the same planner in the real simulator too, with the task's privileged cost; minutes, then cached
    oracle_horizon: int = 0  # the oracle's plan length; 0 = planner.horizon [model steps]
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
class InspectConfig:
    """`latent-mpc inspect`."""

    path: str = ""  # folder of rollouts, or a checkpoint: a folder or the name of one that ships
    verify: bool = False  # read everything and compare checksums; --verify says the same
    out: str = ""  # folder for the pictures; empty = under runs/

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path must be given: latent-mpc inspect PATH, a folder of rollouts or a checkpoint")

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
            raise ValueError("path must be given: latent-mpc export FORMAT PATH, a folder of rollouts")
