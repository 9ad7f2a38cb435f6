"""PointMaze: maps, physics and shortest ways, against closed forms and hand arithmetic."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from latent_mpc.envs import geodesic, mazes
from latent_mpc.envs.pointmaze import COAST, EPISODE_STEPS, RADIUS, TOP_SPEED, PointMaze, follow
from latent_mpc.envs.registry import TASKS


def at(task: PointMaze, x: float, y: float, vx: float = 0.0, vy: float = 0.0) -> np.ndarray:
    state = task.rest_state(np.array([x, y]))
    state[3:5] = vx, vy
    return state


def test_every_map_is_a_task_with_a_measured_episode_length():
    assert {f"pointmaze-{maze}" for maze in mazes.MAPS} == {
        name for name in TASKS if name.startswith("pointmaze")
    }
    assert set(EPISODE_STEPS) == set(mazes.MAPS)


def test_adding_a_map_is_adding_its_lines(monkeypatch):
    monkeypatch.setitem(mazes.MAPS, "corridor", ("######", "#....#", "######"))
    task = PointMaze("corridor")
    assert task.name == "pointmaze-corridor"
    assert task.episode_steps == 40  # 3 cells at 2.5 m/s and a second: 22 steps, times 1.5
    obs, _ = task.reset(seed=0)
    assert np.abs(obs["state"][:2]).max() < 2


@pytest.mark.parametrize(
    ("maze", "rows", "columns"),
    [("umaze", 5, 5), ("wall", 7, 7), ("medium", 8, 8), ("large", 9, 12), ("giant", 12, 16)],
)
def test_maps_have_the_sizes_they_are_known_by(maze, rows, columns):
    assert mazes.walls_of(maze).shape == (rows, columns)


def test_an_unknown_map_is_answered_with_the_valid_ones():
    with pytest.raises(
        KeyError, match="no maze 'umze'; there are: open, wall, umaze, medium, large, giant"
    ):
        PointMaze("umze")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("####", "#.G#", "####"), r"a maze is made of '#' \(wall\) and '\.' \(free\), got 'G'"),
        (("####", "#...", "####"), "border must be wall .* got an opening"),
        (("#.##", "#..#", "####"), "border must be wall .* got an opening"),
        (("####", "#.#", "####"), "lines must be equally long, got lengths 3, 4"),
        (("#####", "#.#.#", "#####"), "free cells must be connected, got 2 free cells"),
        (("###", "###"), "free cells must be connected, got 0"),
        ((), "lines must be equally long, got lengths of nothing"),
    ],
)
def test_a_map_that_is_no_maze_is_refused_in_one_line(lines, message):
    with pytest.raises(ValueError, match=message) as refusal:
        mazes.parse(lines)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("maze", mazes.MAPS)
def test_the_boxes_cover_the_walls_and_nothing_else(maze):
    walls = mazes.walls_of(maze)
    boxes = mazes.boxes(walls)
    cells = mazes.centre(walls, np.argwhere(np.ones_like(walls)))
    assert (4 * boxes[:, 2] * boxes[:, 3]).sum() == walls.sum()
    room = mazes.clearance(boxes, cells)
    np.testing.assert_array_equal(room == 0, walls.ravel())
    assert room[~walls.ravel()].min() == 0.5


def test_cell_distances_by_hand():
    np.testing.assert_array_equal(
        mazes.cell_distances(mazes.walls_of("umaze"), (1, 1))[1:4, 1:4],
        [[0, 1, 2], [np.inf, np.inf, 3], [6, 5, 4]],
    )


def test_cells_and_world_agree_with_the_page():
    walls = mazes.walls_of("umaze")
    np.testing.assert_array_equal(
        mazes.centre(walls, np.array([[2, 2], [1, 1], [3, 1]])), [[0, 0], [-1, 1], [-1, -1]]
    )


def test_speed_and_place_under_full_force_follow_the_closed_form():
    """First-order lag: v = V (1 - exp(-t / T)), x = V t - T v; the tolerance is the integrator's,
    of order timestep.
    """
    task = PointMaze("open")
    task.restore(at(task, -2.0, 1.0))
    for step in range(1, 13):
        task.apply(np.array([1.0, -0.5]))
        t = step * task.control_period
        speed = TOP_SPEED * (1 - np.exp(-t / COAST))
        way = TOP_SPEED * t - COAST * speed
        np.testing.assert_allclose(task.data.qvel, [speed, -speed / 2], atol=0.04)
        np.testing.assert_allclose(task.data.qpos, [-2.0 + way, 1.0 - way / 2], atol=0.02)


def test_without_force_the_ball_coasts_time_constant_times_speed_and_rests_within_a_second():
    task = PointMaze("open")
    task.restore(at(task, -1.0, 0.0, vx=2.0))
    for _ in range(10):
        task.apply(np.zeros(2))
    assert task.data.qpos[0] == pytest.approx(-1.0 + 2.0 * COAST, abs=0.03)
    assert abs(task.data.qvel[0]) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("maze", mazes.MAPS)
def test_full_force_for_thousands_of_steps_never_leaves_the_free_cells(maze):
    task, rng = PointMaze(maze), np.random.default_rng(0)
    task.reset(seed=0)
    lowest, cells = np.inf, set()
    for step in range(4000):
        if step % 6 == 0:
            action = rng.choice([-1.0, 0.0, 1.0], 2)
        task.apply(action)
        lowest = min(lowest, mazes.clearance(task._boxes, task.data.qpos[None])[0])
        cells.add(tuple(np.round(task.data.qpos).astype(int)))
    assert lowest > 0.8 * RADIUS  # the ball sinks in by 2 to 3 cm where it hits at top speed
    assert len(cells) > 5


def test_a_ball_driven_at_a_wall_stops_there_and_slides_along_it_as_if_it_were_not_there():
    task = PointMaze("open")
    task.restore(at(task, 2.0, -2.0))
    for _ in range(15):
        task.apply(np.array([1.0, 0.5]))
    assert task.data.qpos[0] == pytest.approx(2.5 - RADIUS, abs=0.01)
    speed = TOP_SPEED / 2 * (1 - np.exp(-1.5 / COAST))
    assert task.data.qpos[1] == pytest.approx(-2.0 + TOP_SPEED / 2 * 1.5 - COAST * speed, abs=0.02)


def test_states_are_drawn_over_all_the_free_area_clear_of_walls():
    task, rng = PointMaze("umaze"), np.random.default_rng(0)
    points = np.stack([task.qpos_qvel(task.draw_state(rng))[0] for _ in range(700)])
    assert mazes.clearance(task._boxes, points).min() >= RADIUS
    inside = {(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)} - {(-1, 0), (0, 0)}
    counts = {cell: int((np.round(points) == cell).all(axis=1).sum()) for cell in inside}
    assert sum(counts.values()) == 700
    # By area: an inner corridor 0.58 x 1 m, a corner 0.79 x 0.79 m less a little, an end 0.58 x
    # 0.79 m; 100 each on average.
    assert min(counts.values()) > 60
    assert max(counts.values()) < 160


def test_distance_and_reached_by_hand():
    task = PointMaze("umaze")
    assert task.distance(at(task, -1, 1), at(task, -1, -1)) == 2.0  # straight, walls or not
    assert task.distance(at(task, 1, 1), at(task, 0.7, 0.6)) == pytest.approx(0.5)
    assert task.reached(at(task, 1.0, 0.0, vx=2.0), at(task, 1.0, 0.299))  # position only
    assert not task.reached(at(task, 1.0, 0.0), at(task, 1.0, 0.301))


def test_the_state_is_place_and_velocity():
    task = PointMaze("umaze")
    task.restore(at(task, 1.0, -0.5, 2.0, -1.0))
    np.testing.assert_array_equal(task.state_vector(), np.array([1.0, -0.5, 2.0, -1.0], np.float32))
    np.testing.assert_array_equal(task.tracked_point(task.snapshot()), task.data.body("ball").xpos)


def test_steps_to_go_in_the_open_by_hand():
    """2 m along an axis at 2.5 m/s: 8 steps. Along the diagonal x and y go at once; the tie share
    adds 2 m x TIE.
    """
    task = PointMaze("open")
    goal = at(task, 1.0, 1.0)
    steps = task.steps_to_go(
        np.stack(
            [at(task, -1, 1), at(task, -1, -1), at(task, 1.0, 0.93), at(task, 0.4, 1.0, vx=2.0)]
        ),
        goal,
    )
    np.testing.assert_allclose(steps[:3], [8.0, 8.0 * (1 + geodesic.TIE), 0.28], atol=1e-9)
    assert steps[3] < 0.3  # it coasts 0.6 m, to the goal: only the share for its speed is left


def test_ways_round_the_wall_by_hand():
    """From one end of the U to the other: to the corner, round it at the ball's radius, straight
    down, and back.
    """
    legs = np.array([[1.5, 0.3], [0.2, 0.2], [0.0, 1.0], [0.2, 0.2], [1.5, 0.3]])
    way = PointMaze("umaze")._ways.to(np.array([-1.0, -1.0]), np.array([[-1.0, 1.0]]))[0]
    assert way == pytest.approx(geodesic.length(legs).sum(), rel=0.04)


def test_the_grid_is_dijkstras():
    ways, goal = PointMaze("wall")._ways, np.array([-1.0, 2.0])
    np.testing.assert_allclose(ways._grid(goal), dijkstra(ways, goal), rtol=1e-12)


def dijkstra(ways: geodesic.Geodesic, goal: np.ndarray) -> np.ndarray:
    grid = np.full(ways.free.shape, np.inf)
    queue = []
    for iy, ix in np.argwhere(ways.free):
        if np.abs(ways.points[iy, ix] - goal).max() <= geodesic.NEAR:
            queue.append((float(geodesic.length(ways.points[iy, ix] - goal)), iy, ix))
    heapq.heapify(queue)
    while queue:
        so_far, iy, ix = heapq.heappop(queue)
        if so_far >= grid[iy, ix]:
            continue
        grid[iy, ix] = so_far
        for dy, dx in np.ndindex(3, 3):
            to = iy + dy - 1, ix + dx - 1
            if ways.free[to]:
                heapq.heappush(
                    queue,
                    (
                        so_far
                        + float(geodesic.length(geodesic.SPACING * np.array([dx - 1, dy - 1]))),
                        *to,
                    ),
                )
    return grid


@pytest.mark.slow
@pytest.mark.parametrize("maze", mazes.MAPS)
def test_steps_to_go_has_no_local_minimum_but_the_goal(maze):
    task, rng = PointMaze(maze), np.random.default_rng(0)
    states = np.stack([task.draw_state(rng) for _ in range(300)])
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    for goal in states[:4]:
        here = task.steps_to_go(states, goal)
        best = np.full(len(states), np.inf)
        for angle in angles:
            moved = states.copy()
            moved[:, 1:3] += 0.02 * np.array([np.cos(angle), np.sin(angle)])
            best = np.minimum(best, task.steps_to_go(moved, goal))
        away = here > 0.1  # [control steps], 2.5 cm
        assert (best < here - 0.01)[away].all()


@pytest.mark.slow
@pytest.mark.parametrize("maze", mazes.MAPS)
def test_the_simple_controller_reaches_the_goal_in_the_episode_and_steps_to_go_falls_on_the_way(
    maze,
):
    task = PointMaze(maze)
    ends = []
    for index in range(5):
        pair = task.draw_pair(np.random.default_rng([1, index]))
        task.restore(pair.start)
        steps = [task.steps_to_go(pair.start[None], pair.goal)[0]]
        for _ in range(task.episode_steps):
            task.apply(follow(task, task.snapshot(), pair.goal))
            steps.append(task.steps_to_go(task.snapshot()[None], pair.goal)[0])
        ends.append(task.reached(task.snapshot(), pair.goal))
        assert (np.diff(steps) < 0.1).mean() > 0.8
        assert (np.array(steps[10:]) < np.array(steps[:-10]) - 0.5)[
            : max(0, np.argmax(np.array(steps) < 6) - 10)
        ].all()
    assert sum(ends) >= 4


@pytest.mark.parametrize("maze", mazes.MAPS)
def test_the_ball_is_several_pixels_wide_and_unlike_walls_and_floor(maze):
    task = PointMaze(maze, obs=("pixels",))
    task.reset(seed=0)
    picture = task.render().astype(int)
    ball = picture[..., 0] - picture[..., 2] > 40  # orange; walls and floor are bluish
    # [pixels]; 1.8 on giant, 2.4 on large, 3.9 on medium
    across = {"large": 2.0, "giant": 1.5}.get(maze, 3.5)
    assert ball.sum() >= np.pi / 4 * across**2
    bluish = picture[picture[..., 2] >= picture[..., 0]].sum(axis=-1)
    # wall tops against floor
    assert np.median(bluish[bluish > 250]) - np.median(bluish[bluish <= 250]) > 150
