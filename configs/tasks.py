"""Config dataclass of each kind of task. The comment on a field's line is its help; its default
stands here only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from latent_mpc.configs.checks import at_least, one_of, within
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.keyword_arguments import plain_arguments
from latent_mpc.configs.model_title import model_title, safe
from latent_mpc.configs.names import ACTIONS, DISTRACTORS, INCREMENTS
from latent_mpc.configs.plugins import CONFIG_POINTS, load, plugins


@dataclass
class TaskConfig:
    """A task and how the agent meets it."""

    name: str = MISSING  # name in the registry of tasks
    action_repeat: int = 1  # control steps in one model step [control steps]
    size: int = 64  # height and width of the pixels [pixels]
    distractor: str = "none"  # leaves in the pictures, one of DISTRACTORS
    distractor_share: float = 0.2  # share of the picture that leaves cover

    def __post_init__(self) -> None:
        at_least(self, action_repeat=1, size=16)
        one_of(self, distractor=DISTRACTORS)
        within(self, distractor_share=(0.01, 0.9))

    @property
    def label(self) -> str:
        """What folders are called by default."""
        return self.name

    def options(self) -> dict[str, Any]:
        """What the task itself takes, for `registry.make(name, **options)`."""
        return task_options(vars(self))


@dataclass
class DefaultTask(TaskConfig):
    """A task that ships, or one that an installed package registers."""


@dataclass
class _ModelTask(TaskConfig):
    """A task made of a model: what is left open follows from probing, is printed, and is stored
    with the checkpoint.
    """

    # time for which an action is held [s]; 0 = by the rule of envs/adapters/time_scale.py
    control_period: float = 0.0
    episode_steps: int = 0  # length of an episode [control steps]; 0 = by that rule
    seconds: float = 0.0  # length of an episode, in the place of episode_steps; 0 = not [s]
    # what must come to the goal, [JOINT:TOLERANCE]; [] = what the robot is for, which
    # `latent-mpc tasks task.xml=FILE` shows [rad, m]
    success: list[str] = field(default_factory=list)
    # goals of one's own: keyframe:NAME, FILE.npy of positions, [JOINT=VALUE]; [] = drawn [rad, m]
    goals: list[str] = field(default_factory=list)
    # camera of the pixels; NAME+NAME stacks several; empty = `observer`, or a view of all that
    # moves
    camera: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, control_period=0, episode_steps=0, seconds=0)


@dataclass
class GymnasiumTask(_ModelTask):
    """Any Gymnasium environment that stands on MuJoCo."""

    # id as gymnasium.make takes it: Pusher-v5, or MODULE:ID to import the module that registers it
    id: str = ""
    # keyword arguments of the environment, {NAME: VALUE}: numbers, texts, lists of them
    kwargs: dict[str, Any] = field(default_factory=dict)
    # hash of the files that kwargs names, filled in, so that another one is noticed
    fingerprint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kwargs = plain_arguments(self.kwargs)

    @property
    def label(self) -> str:
        return (self.id.partition(":")[2] or self.id or self.name).replace("/", "-")


@dataclass
class MjcfTask(_ModelTask):
    """A MuJoCo model in a file."""

    xml: str = ""  # path of the MJCF file; meshes and textures beside it are found
    # hash of the model, filled in, so that another one under the same name is noticed
    fingerprint: str = ""
    # what the robot is called, filled in: the model's own name, its file's or its folder's
    title: str = ""
    # what an action of a position servo is, one of ACTIONS: a change of its command, or the command
    actions: str = INCREMENTS

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self, actions=ACTIONS)

    @property
    def label(self) -> str:
        return safe(self.title) or (model_title(self.xml) if self.xml else self.name)


# by the task's name; all others: TaskConfig
TASK_CONFIGS: dict[str, type[TaskConfig]] = {"gymnasium": GymnasiumTask, "mjcf": MjcfTask}


def task_options(task: Mapping[str, Any]) -> dict[str, Any]:
    """Of the fields of a task's config what the task itself takes; nothing of a distractor where
    there is none, so that tasks of other packages need not know of it.
    """
    left_out = ["name", "action_repeat"]
    if task.get("distractor", "none") == "none":
        left_out += ["distractor", "distractor_share"]
    return {key: value for key, value in task.items() if key not in left_out}


def task_config(name: str) -> type[TaskConfig]:
    """The dataclass of a task's settings. Raises ValueError if what a package brings is none."""
    if name in TASK_CONFIGS or name not in plugins(CONFIG_POINTS):
        return TASK_CONFIGS.get(name, DefaultTask)
    found = load(CONFIG_POINTS, name)
    if not (isinstance(found, type) and issubclass(found, TaskConfig)):
        raise LatentMPCError(
            f"the entry point {name} of {CONFIG_POINTS} must be a subclass of"
            f" latent_mpc.configs.tasks.TaskConfig, got {found!r}"
        )
    return found
