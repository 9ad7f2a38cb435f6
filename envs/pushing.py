"""How far a puck is from having pushed an object to its place, and a controller that does it:
privileged, in closed form, from poses alone.

The puck pushes at contacts around the object, the object moves and turns as friction that grows
with speed lets it. A state is worth the way to a first contact, the push there that brings the
object nearest, the same at a second contact, and a charge for what is then left. That is no bound:
what it is for is the order of states.

Shapes: M states, K contacts, P points at which the puck may have to be: the contacts and RING more.
A pose error is x, y and, where the angle counts, yaw times a length, all [m].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SPACING = 0.03  # [m] between contacts on a side, at most
ROUND = 24  # contacts around a disc
RING = 24  # points of the way around the object, which is AROUND [m] outside the contacts
AROUND = 0.01
CLEAR = 0.005  # [m] by which a straight way may graze the object
# What two pushes leave costs as much as a push of AGAIN times its length and RELOCATE [m] of way.
# With 2.5 and 0.4 the controller brought 88 % of 25 Ts to their goals, with these 97.
AGAIN = 4.0
RELOCATE = 0.6
CHANGE = 0.05  # [m] of way that a second contact costs besides: keeps to the first
# first contacts after which a second one is looked for; with 12 instead of 6 cubes got stuck
# between two contacts, 78 % of 40 reached
FIRST = 6
IDLE = 0.002  # [m] shorter pushes bring nothing
UNUSABLE = 10.0  # [s] that a contact costs which brings nothing, or where the puck has no room
SHUT = 1.0  # [m] that a way around costs on which the puck has no room
# of the controller
NEAR = 0.02  # [m] from a contact within which it pushes
STICK = 0.05  # [s] by which another contact has to be better
START = 0.05  # [share of full force] against the object's friction
GAIN = 12.0  # [share of full force per m] of what is left to push


class Shape(NamedTuple):
    """An object seen from above, in its own frame: rectangles, or a disc where there are none."""

    boxes: np.ndarray  # (boxes, 4) x, y and half sizes [m]
    radius: float  # [m] of the disc
    turning: float  # [1/m^2] turn per move and lever: 1 / radius^2 of friction; 0 if it cannot

    def corners(self) -> np.ndarray:
        """Points `[N, 2]` between which it lies; of a disc, those of the square around it."""
        boxes = self.boxes if len(self.boxes) else np.array([[0, 0, self.radius, self.radius]])
        signs = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
        return (boxes[:, None, :2] + signs * boxes[:, None, 2:]).reshape(-1, 2)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """From points `[N, 2]` outside to it `[N]` [m]; 0 inside."""
        if not len(self.boxes):
            return np.maximum(0.0, np.linalg.norm(points, axis=1) - self.radius)
        away = np.abs(points[:, None] - self.boxes[:, :2]) - self.boxes[:, 2:]
        return np.linalg.norm(np.maximum(0.0, away), axis=2).min(axis=1)


class Pushing:
    """Estimates for one object and one puck.

    Args:
        shape: of the object.
        puck: its radius [m].
        angle: length that makes an angle one [m/rad]; 0 where the angle does not count.
        tolerance: [m] below which an error is small.
        free: the puck's speed on its own [m/s].
        pushing: its speed when it pushes [m/s].
        coast: time constant of its speed [s].
        period: for which an action is held [s].
    """

    def __init__(
        self,
        shape: Shape,
        puck: float,
        angle: float,
        tolerance: float,
        free: float,
        pushing: float,
        coast: float,
        period: float,
    ) -> None:
        self.shape, self.puck, self.angle = shape, puck, angle
        self.tolerance, self.free, self.pushing = tolerance, free, pushing
        self.coast, self.reach = coast, free * period  # [s], [m] in one action
        places, self.inward = contacts(shape, puck)
        self.at = places - puck * self.inward  # (K, 2) of the puck's middle
        lever = places[:, 0] * self.inward[:, 1] - places[:, 1] * self.inward[:, 0]
        turn = angle * shape.turning * lever
        # (K,) how far the contact goes while the object's middle goes 1 m
        self.travel = 1 + shape.turning * lever**2
        # (K, 3) how the pose moves when the object is pushed there
        self.twist = np.concatenate([self.inward, turn[:, None]], axis=1)
        self.ring = float(np.linalg.norm(self.at, axis=1).max()) + AROUND
        angle_around = np.arange(RING) * 2 * np.pi / RING
        around = self.ring * np.stack([np.cos(angle_around), np.sin(angle_around)], axis=1)
        self.points = np.concatenate([self.at, around])  # (P, 2)
        everywhere = np.ones((len(self.at), len(self.points)), bool)
        self._between = self.way(self.at, everywhere)  # (K, K)

    def seconds(self, puck: np.ndarray, error: np.ndarray, usable: np.ndarray) -> np.ndarray:
        """Estimate [s] by first contact `[M, K]` of pucks `[M, 2]` and pose errors `[M, 3]`, both
        in the object's frame; inf but for the FIRST that look best.

        Args:
            usable: at which of `points` the puck has room, bool `[M, P]`.
        """
        size = np.linalg.norm(error, axis=1)[:, None]
        near = np.minimum(1.0, 2 * size / self.tolerance)
        push, left = self.pushes(error)
        room = usable[:, : len(self.at)]
        begun = near * (
            self.way(puck, usable) / self.free + UNUSABLE * ((push < IDLE) | ~room)
        ) + self._time(push)
        some = np.argpartition(begun + self._again(left), FIRST - 1, axis=1)[:, :FIRST]
        rows = np.arange(len(puck))[:, None]
        after = error[:, None] - push[rows, some][..., None] * self.twist[some]  # (M, FIRST, 3)
        push_on, left_then = self.pushes(after.reshape(-1, 3))
        small = np.minimum(1.0, 2 * left[rows, some] / self.tolerance)[..., None]
        move = small * (self._between[some] + CHANGE) / self.free  # (M, FIRST, K)
        move = move + small * UNUSABLE * ~room[:, None]
        rest = (self._time(push_on) + self._again(left_then)).reshape(move.shape) + move
        total = np.full(begun.shape, np.inf)
        total[rows, some] = begun[rows, some] + rest.min(axis=2)
        return total

    def _time(self, push: np.ndarray) -> np.ndarray:
        return push * self.travel / self.pushing

    def _again(self, left: np.ndarray) -> np.ndarray:
        """Time [s] for what one push leaves: as RELOCATE m of way, and AGAIN times its length."""
        return AGAIN * left / self.pushing + RELOCATE * np.minimum(1.0, left / self.tolerance) / (
            self.free
        )

    def pushes(self, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Length of the best push at each contact `[M, K]` [m] and the error that it leaves."""
        square = (self.twist**2).sum(axis=1)
        push = np.maximum(0.0, error @ self.twist.T) / square
        left = np.linalg.norm(error[:, None] - push[:, :, None] * self.twist, axis=2)
        return push, left

    def way(self, puck: np.ndarray, usable: np.ndarray) -> np.ndarray:
        """Length of the way to each contact `[M, K]` [m]: straight, or around the object."""
        straight = np.linalg.norm(puck[:, None] - self.at, axis=2)
        return np.where(
            self.blocked(puck), np.maximum(self.around(puck, usable)[0], straight), straight
        )

    def around(self, puck: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Out to a ring around the object, along its shorter side that is free, and in again: the
        length `[M, K]` [m] and the side `[M, K]`, 1 to the left or -1.
        """
        far = np.linalg.norm(puck, axis=1)[:, None]
        tangent = np.sqrt(np.maximum(0.0, far**2 - self.ring**2))
        seen = np.arccos(np.minimum(1.0, self.ring / np.maximum(far, 1e-9)))
        here = np.arctan2(puck[:, 1], puck[:, 0])[:, None]
        there = np.arctan2(self.points[:, 1], self.points[:, 0])
        left = (there - here) % (2 * np.pi)  # (M, P) [rad]
        lengths, K = [], len(self.at)
        for angle in (left, 2 * np.pi - left):
            shut = np.where(usable[:, K:], np.inf, angle[:, K:]).min(axis=1)[:, None]
            arc = self.ring * np.maximum(0.0, angle[:, :K] - seen)
            lengths.append(arc + SHUT * (angle[:, :K] > shut))
        inside = np.maximum(0.0, self.ring - far)
        ends = inside + tangent + self.ring - np.linalg.norm(self.at, axis=1)
        return np.minimum(*lengths) + ends, np.where(lengths[0] <= lengths[1], 1.0, -1.0)

    def blocked(self, puck: np.ndarray) -> np.ndarray:
        """Whether the object is in the straight way to each contact `[M, K]`."""
        way = self.at - puck[:, None]  # (M, K, 2)
        if not len(self.shape.boxes):
            far = np.sum(way**2, axis=2) + 1e-12
            share = np.clip(-np.sum(way * puck[:, None], axis=2) / far, 0.0, 1.0)
            nearest = np.linalg.norm(puck[:, None] + share[..., None] * way, axis=2)
            return nearest < self.shape.radius + self.puck - CLEAR
        blocked = np.zeros(way.shape[:2], bool)
        inverse = 1.0 / np.where(np.abs(way) < 1e-9, 1e-9, way)
        for box in self.shape.boxes:
            half = box[2:] + self.puck - CLEAR
            low, high = (
                (box[:2] - half - puck)[:, None] * inverse,
                (box[:2] + half - puck)[:, None] * inverse,
            )
            enter = np.minimum(low, high).max(axis=2)
            leave = np.maximum(low, high).min(axis=2)
            blocked |= (enter < leave) & (leave > 0) & (enter < 1)
        return blocked

    def go_on(
        self,
        puck: np.ndarray,
        error: np.ndarray,
        velocity: np.ndarray,
        usable: np.ndarray,
        before: int | None = None,
    ) -> tuple[np.ndarray, int | None]:
        """The action `[2]` that goes on from a puck's place and velocity `[2]` and an error `[3]`,
        all in the object's frame, and the contact it is for.

        Args:
            before: the contact that the last action was for; another one has to be better by STICK.
        """
        if np.linalg.norm(error) < self.tolerance / 3:
            return -velocity / self.free, None  # it is there: stand
        seconds = self.seconds(puck[None], error[None], usable[None])[0]
        if before is not None:
            seconds[before] -= STICK
        best = int(np.argmin(seconds))
        way, inward = self.at[best] - puck, self.inward[best]
        if self.blocked(puck[None])[0, best]:
            return self._along_ring(puck, self.around(puck[None], usable[None])[1][0, best]), best
        aside = way - (way @ inward) * inward
        if way @ inward > NEAR or np.linalg.norm(aside) > NEAR:
            return (way - self.coast * velocity) / self.reach, best
        push = self.pushes(error[None])[0][0, best]
        aside = aside - self.coast * (velocity - (velocity @ inward) * inward)
        force = START + push * self.travel[best] * GAIN
        return aside / self.reach + inward * force, best

    def _along_ring(self, puck: np.ndarray, side: float) -> np.ndarray:
        """Direction `[2]` on the way around the object."""
        far = float(np.linalg.norm(puck))
        out = puck / max(far, 1e-9)
        along = side * np.array([-out[1], out[0]])
        if far > self.ring + 0.02:  # to the ring's tangent
            lean = np.arcsin(min(1.0, self.ring / far))
            return -np.cos(lean) * out + np.sin(lean) * along
        direction = along + out * (self.ring - far) / 0.02
        return direction / np.linalg.norm(direction)


def contacts(shape: Shape, puck: float) -> tuple[np.ndarray, np.ndarray]:
    """Points around the object and the directions into it, `[K, 2]` each, where a puck of this
    radius has room.
    """
    if not len(shape.boxes):
        angle = np.arange(ROUND) * 2 * np.pi / ROUND
        out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return shape.radius * out, -out
    points, inward = [], []
    for i, box in enumerate(shape.boxes):
        for axis in (0, 1):
            for side in (-1.0, 1.0):
                count = int(np.ceil(2 * box[3 - axis] / SPACING))
                along = (np.arange(count) + 0.5) / count * 2 - 1
                point = np.empty((count, 2))
                point[:, axis] = box[axis] + side * box[2 + axis]
                point[:, 1 - axis] = box[1 - axis] + along * box[3 - axis]
                normal = np.zeros(2)
                normal[axis] = -side
                others = [other for j, other in enumerate(shape.boxes) if j != i]
                free = _outside(point - puck * normal, others, puck)
                points.append(point[free])
                inward.append(np.repeat(normal[None], free.sum(), axis=0))
    return np.concatenate(points), np.concatenate(inward)


def _outside(points: np.ndarray, boxes: Sequence[np.ndarray], margin: float) -> np.ndarray:
    """Which points are farther than `margin` from all rectangles, by either axis."""
    free = np.ones(len(points), bool)
    for box in boxes:
        free &= (np.abs(points - box[:2]) > box[2:] + margin - 1e-9).any(axis=1)
    return free
