"""The loop observe -> z -> plan -> act, drawn: `python docs/figures/loop.py` writes loop.svg beside
this file.

Plain SVG with its own colours for light and dark pages; the card behind them keeps it readable
where page and system differ.
"""

from __future__ import annotations

import math
from pathlib import Path

WIDTH, HEIGHT = 1000, 340
STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de; } .frame { fill: #f6f8fa; stroke: #8c959f; }
  text { fill: #1f2328; font: 14px "Helvetica Neue", Arial, "DejaVu Sans", sans-serif;
         text-anchor: middle; }
  .title { font-size: 17px; font-weight: 600; } .small { font-size: 12.5px; fill: #59636e; }
  .z { font-style: italic; }
  .halo { paint-order: stroke; stroke: #ffffff; stroke-width: 5; }
  .line { stroke: #59636e; stroke-width: 1.6; fill: none; } .tip { fill: #59636e; }
  .arm { stroke: #0969da; stroke-width: 5; stroke-linecap: round; stroke-linejoin: round;
         fill: none; }
  .goal { stroke: #1a7f37; } .goalfill { fill: #1a7f37; } .here { fill: #0969da; }
  .candidate { stroke: #8c959f; stroke-width: 1.2; fill: none; opacity: .75; }
  .best { stroke: #bc4c00; stroke-width: 3.2; fill: none; } .bestfill { fill: #bc4c00; }
  .level { stroke: #1a7f37; stroke-width: 1.2; fill: none; stroke-dasharray: 3 4; opacity: .7; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d; } .frame { fill: #161b22; stroke: #7d8590; }
    text { fill: #e6edf3; }
    .small { fill: #9198a1; } .line { stroke: #9198a1; } .tip { fill: #9198a1; }
    .halo { stroke: #0d1117; } .arm { stroke: #58a6ff; } .here { fill: #58a6ff; }
    .goal, .level { stroke: #3fb950; } .goalfill { fill: #3fb950; }
    .best { stroke: #f0883e; } .bestfill { fill: #f0883e; }
  }
"""


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{words}</text>'


def path(points: list[tuple[float, float]], kind: str) -> str:
    return f'<path class="{kind}" d="M{" L".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def dot(x: float, y: float, radius: float, kind: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}"/>'


def arrow(points: list[tuple[float, float]]) -> str:
    """A line with a tip at its end."""
    (x0, y0), (x1, y1) = points[-2:]
    angle = math.atan2(y1 - y0, x1 - x0)
    back, side = (
        (x1 - 9 * math.cos(angle), y1 - 9 * math.sin(angle)),
        (4.5 * math.sin(angle), -4.5 * math.cos(angle)),
    )
    tip = [(x1, y1), (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1])]
    return path([*points[:-1], back], "line") + path(tip, "tip")


def frame(x: float, y: float, size: float, shoulder: float, elbow: float, kind: str = "arm") -> str:
    """A picture of the two-link arm; angles [degrees] from the x axis, upwards."""
    at, link, points = (x + 0.45 * size, y + 0.62 * size), 0.3 * size, []
    points.append(at)
    for angle in (shoulder, shoulder + elbow):
        at = (
            at[0] + link * math.cos(math.radians(angle)),
            at[1] - link * math.sin(math.radians(angle)),
        )
        points.append(at)
    box = f'<rect x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}" rx="4" class="frame"/>'
    return box + path(points, kind) + dot(*at, 4, "goalfill" if "goal" in kind else "here")


def latent(x: float, y: float, values: list[float], kind: str) -> str:
    """A column of cells, as dark as their values."""
    cells = [
        f'<rect x="{x:g}" y="{y + 11 * i:g}" width="18" height="11" class="{kind}"'
        f' opacity="{value:.2f}"/>'
        for i, value in enumerate(values)
    ]
    return (
        "".join(cells)
        + f'<rect x="{x:g}" y="{y:g}" width="18" height="{11 * len(values)}" class="line"/>'
    )


def encoder(x: float, y: float) -> str:
    """A trapezium that gets narrower: pictures in, embedding out."""
    return f'<path class="frame" d="M{x:g},{y - 34:g} l44,16 v36 l-44,16 z"/>' + text(
        x + 22, y + 5, "enc"
    )


def observe() -> list[str]:
    frames = [frame(40 + 26 * i, 90 + 8 * i, 70, 118 - 20 * i, -84 + 14 * i) for i in range(3)]
    goal = frame(66, 218, 70, 20, 60, "arm goal")
    return [
        text(95, 50, "observe", "title"),
        text(95, 72, "three frames, and the goal", "small"),
        *frames,
        goal,
    ]


def embed() -> list[str]:
    now, there = [[0.25 + 0.7 * abs(math.sin(k * i + k)) for i in range(6)] for k in (1.7, 2.9)]
    return [
        *(
            text(272, 50, '<tspan class="z">z</tspan>', "title"),
            text(272, 72, "one latent each", "small"),
        ),
        *(
            arrow([(166, 152), (190, 152)]),
            encoder(192, 152),
            arrow([(238, 152), (262, 152)]),
            latent(264, 119, now, "here"),
        ),
        *(
            arrow([(140, 253), (190, 253)]),
            encoder(192, 253),
            arrow([(238, 253), (262, 253)]),
            latent(264, 220, there, "goalfill"),
        ),
        *(
            text(302, 157, "z", "z"),
            text(309, 258, '<tspan class="z">z</tspan><tspan font-size="10" dy="4">goal</tspan>'),
        ),
    ]


def rollout(
    start: tuple[float, float], end: tuple[float, float], bulge: float, steps: int = 5
) -> list[tuple[float, float]]:
    """An imagined rollout in the plane of the figure: from start to end in steps, bulging
    upwards.
    """
    shares = [step / steps for step in range(steps + 1)]
    (x0, y0), (x1, y1) = start, end
    return [
        (x0 + share * (x1 - x0), y0 + share * (y1 - y0) - 4 * bulge * share * (1 - share))
        for share in shares
    ]


def plan() -> list[str]:
    start, goal = (394.0, 186.0), (628.0, 152.0)
    ends = [
        (470, 98, 10),
        (520, 108, 26),
        (560, 118, 30),
        (596, 196, 24),
        (588, 222, 6),
        (548, 238, -12),
        (500, 246, -16),
        (456, 240, -10),
    ]
    candidates = [path(rollout(start, (x, y), bulge), "candidate") for x, y, bulge in ends]
    best = rollout(start, (goal[0] - 9, goal[1] + 2), 22)
    levels = [dot(*goal, radius, "level") for radius in (18, 40, 66)]
    return [
        *(
            text(520, 50, "plan", "title"),
            text(520, 72, "imagine many action sequences, keep the cheapest", "small"),
        ),
        *(
            arrow([(318, 156), (382, 182)]),
            *levels,
            *candidates,
            path(best, "best"),
            *(dot(*point, 4, "bestfill") for point in best[1:]),
        ),
        *(dot(*start, 6, "here"), dot(*goal, 6, "goalfill")),
        text(
            662, 142, '<tspan class="z">z</tspan><tspan font-size="10" dy="4">goal</tspan>', "halo"
        ),
        *(
            text(520, 272, "predictor: one step per action", "small"),
            text(520, 290, "cost: steps still to go to the goal, learned", "small"),
        ),
    ]


def act() -> list[str]:
    sweep = [
        (858.5 + 62 * math.cos(math.radians(angle)), 178.6 - 62 * math.sin(math.radians(angle)))
        for angle in range(88, 44, -4)
    ]
    return [
        *(
            text(865, 50, "act", "title"),
            text(865, 72, "the first action, then plan anew", "small"),
        ),
        *(
            arrow([(722, 165), (792, 165)]),
            text(755, 154, "a", "z"),
            frame(800, 98, 130, 96, -62),
            path(sweep, "best"),
        ),
        *(
            text(865, 250, "the rest of the plan", "small"),
            text(865, 268, "warm-starts the next search", "small"),
        ),
    ]


def drawing() -> str:
    """The figure as SVG."""
    loop = [
        arrow([(932, 165), (982, 165), (982, 318), (20, 318), (20, 130), (38, 130)]),
        text(500, 312, "at every step, from pixels or states alone", "small"),
    ]
    label = (
        "Loop of the agent: observe frames, encode them to a latent z, plan in latent space, act,"
        " observe again"
    )
    body = "\n".join([*observe(), *embed(), *plan(), *act(), *loop])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{label}">\n<style>{STYLE}</style>\n<rect x="1" y="1" width="{WIDTH - 2}"'
        f' height="{HEIGHT - 2}" rx="10" class="card"/>\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(drawing(), encoding="utf-8")
