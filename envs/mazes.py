"""Mazes as lines of text: `#` is wall, `.` is free, one character per cell of 1 m. No MuJoCo here.

Adding a maze is adding its lines to `MAPS`. The world's origin is the middle of the map; x points
right and y up the page.

Shapes: M points, R boxes; rows and columns count cells from the top left.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latent_mpc.configs.errors import LatentMPCError, UnknownNameError

MAPS: dict[str, tuple[str, ...]] = {
    "open": (
        "#######",
        "#.....#",
        "#.....#",
        "#.....#",
        "#.....#",
        "#.....#",
        "#######",
    ),
    "wall": (
        "#######",
        "#..#..#",
        "#..#..#",
        "#..#..#",
        "#.....#",
        "#..#..#",
        "#######",
    ),
    "umaze": (
        "#####",
        "#...#",
        "###.#",
        "#...#",
        "#####",
    ),
    "medium": (  # medium and large are the layouts of D4RL (Fu et al. 2020)
        "########",
        "#..##..#",
        "#..#...#",
        "##...###",
        "#..#...#",
        "#.#..#.#",
        "#...#..#",
        "########",
    ),
    "large": (
        "############",
        "#....#.....#",
        "#.##.#.#.#.#",
        "#......#...#",
        "#.####.###.#",
        "#..#.#.....#",
        "##.#.#.#.###",
        "#..#...#...#",
        "############",
    ),
    # of OGBench's size (Park et al. 2025) and as long: the longest way is 30 cells, 31 there; the
    # layout is our own
    "giant": (
        "################",
        "#....#.....#...#",
        "#.##.#.###.#.#.#",
        "#..#...#.....#.#",
        "##.###.#.#####.#",
        "#....#.#.#.....#",
        "#.##.#...#.###.#",
        "#.#..###.#...#.#",
        "#.#.##...###.#.#",
        "#.#....#.#...#.#",
        "#...##.#...#...#",
        "################",
    ),
}


def walls_of(name: str) -> np.ndarray:
    """The walls of a map by name, bool `[rows, columns]`. Raises KeyError listing the valid
    names.
    """
    if name not in MAPS:
        raise UnknownNameError(f"no maze {name!r}; there are: {', '.join(MAPS)}")
    return parse(MAPS[name])


def parse(lines: Sequence[str]) -> np.ndarray:
    """Lines of a map -> walls, bool `[rows, columns]`. Raises ValueError for lines that do not make
    a closed, connected maze.
    """
    widths, characters = {len(line) for line in lines}, set("".join(lines))
    if len(widths) != 1:
        raise LatentMPCError(
            "a maze's lines must be equally long, got lengths"
            f" {', '.join(map(str, sorted(widths))) or 'of nothing'}"
        )
    if characters - set("#."):
        raise LatentMPCError(
            "a maze is made of '#' (wall) and '.' (free), got"
            f" {', '.join(map(repr, sorted(characters - set('#.'))))}"
        )
    walls = np.array([[character == "#" for character in line] for line in lines])
    if not (walls[[0, -1]].all() and walls[:, [0, -1]].all()):
        raise LatentMPCError("a maze's border must be wall ('#') all round, got an opening in it")
    free = np.argwhere(~walls)
    if len(free) == 0 or np.isinf(cell_distances(walls, tuple(free[0].tolist()))[~walls]).any():
        raise LatentMPCError(
            f"a maze's free cells must be connected, got {len(free)} free cells that are not"
        )
    return walls


def cell_distances(walls: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """Moves from every cell to `cell` over free cells (4 neighbours, breadth first): float `[rows,
    columns]`, inf where there is no way.
    """
    distances = np.full(walls.shape, np.inf)
    distances[cell], queue = 0.0, [cell]
    for row, column in queue:  # grows while it is walked
        for neighbour in (
            (row - 1, column),
            (row + 1, column),
            (row, column - 1),
            (row, column + 1),
        ):
            if not walls[neighbour] and np.isinf(distances[neighbour]):
                distances[neighbour] = distances[row, column] + 1
                queue.append(neighbour)
    return distances


def centre(walls: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Cells `[..., 2]` (row, column, fractions allowed) -> world positions `[..., 2]` (x, y)
    [m].
    """
    rows, columns = walls.shape
    cell = np.asarray(cell, dtype=np.float64)
    return np.stack([cell[..., 1] - (columns - 1) / 2, (rows - 1) / 2 - cell[..., 0]], axis=-1)


def boxes(walls: np.ndarray) -> np.ndarray:
    """The walls as few boxes: `[R, 4]` of x, y, half width, half height [m]. Fewer boxes: fewer
    rays to test, no seams to catch a ball.
    """
    left, parts = walls.copy(), []
    for row, column in np.argwhere(walls):
        if not left[row, column]:
            continue
        right, down = column + 1, row + 1
        while right < walls.shape[1] and left[row, right]:
            right += 1
        while down < walls.shape[0] and left[down, column:right].all():
            down += 1
        left[row:down, column:right] = False
        middle = centre(walls, np.array([(row + down - 1) / 2, (column + right - 1) / 2]))
        parts.append([*middle, (right - column) / 2, (down - row) / 2])
    return np.array(parts)


def clearance(rectangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance `[M]` [m] from points `[M, 2]` to the nearest of the boxes `[R, 4]`; 0 inside
    one.
    """
    outside = np.abs(points[:, None] - rectangles[:, :2]) - rectangles[:, 2:]  # (M, R, 2)
    return np.linalg.norm(np.maximum(outside, 0.0), axis=-1).min(axis=1)
