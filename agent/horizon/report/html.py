"""The frame of report.html: one template, its style, and small helpers that write HTML. No script; the policy forbids any request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape as plain
from string import Template
from typing import Any

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"

STYLE = """
:root { --ink: #1b2430; --muted: #596475; --line: #dfe3e8; --blue: #0072B2; --tint: #eef5fa; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word; }
main { max-width: 1120px; margin: 0 auto; padding: 20px 16px 60px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 8px 0 2px; }
h2 { font-size: 1.3rem; margin: 44px 0 6px; padding-top: 14px; border-top: 1px solid var(--line); }
p { max-width: 76ch; margin: 8px 0; }
.muted, figcaption, small { color: var(--muted); }
figcaption { font-size: .9rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 12px; margin: 18px 0; }
.tile { border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; break-inside: avoid; }
.tile.first { background: var(--tint); border-color: var(--blue); }
.tile h3 { margin: 0; font-size: .85rem; font-weight: 600; color: var(--muted); }
.tile b { display: block; font-size: 1.5rem; line-height: 1.3; margin: 2px 0 4px; }
.tile p { margin: 0; font-size: .92rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 22px; margin: 14px 0; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 22px; align-items: start; }
.figures.small { grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
figure { margin: 0; max-width: 620px; break-inside: avoid; }
figure img, figure video { width: 100%; height: auto; display: block; }
figure video { border-radius: 8px; background: #0d0f13; }
.wide { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; font-size: .88rem; }
th, td { padding: 4px 12px 4px 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--muted); font-weight: 600; }
th:first-child, td:first-child, table.why :is(th, td):last-child { text-align: left; }
table.why td:last-child { white-space: normal; min-width: 180px; }
tr.chosen td { font-weight: 600; background: var(--tint); }
pre { background: #f5f6f8; border-radius: 8px; padding: 10px 12px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; font-size: .92rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 520px) { main { padding: 12px 12px 40px; } dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } }
@media print { main { max-width: none; padding: 0; } body { font-size: 11pt; } h2 { break-after: avoid; } .wide { overflow: visible; } }
"""

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>$title</title>
<style>$style</style>
</head>
<body><main>
$body
</main></body>
</html>
""")


def escape(words: str) -> str:
    """Words as HTML; a number stays on the line of its percent sign, and a minus is one."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\u2212", plain(words)).replace(" %", "\u00a0%")


def page(title: str, parts: Iterable[str]) -> str:
    """The whole file."""
    return PAGE.substitute(policy=POLICY, title=escape(title), style=STYLE, body="\n".join(parts))


def section(title: str, *parts: str) -> str:
    """A heading and what belongs to it."""
    return "\n".join((f"<section><h2>{escape(title)}</h2>", *parts, "</section>"))


def text(words: str, muted: bool = False) -> str:
    """A paragraph."""
    return f"<p{' class=muted' if muted else ''}>{escape(words)}</p>"


def tile(heading: str, big: str, words: str, first: bool = False) -> str:
    """One of the answers at the top."""
    return f'<div class="tile{" first" if first else ""}"><h3>{escape(heading)}</h3><b>{escape(big)}</b><p>{escape(words)}</p></div>'


def picture(uri: str, caption: str) -> str:
    """A figure; the caption says how to read it and stands in for it where it cannot be seen."""
    return f'<figure><img src="{uri}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'


def video(uri: str, poster: str, caption: str) -> str:
    """A small video that plays when asked to; its last frame before that, and in print."""
    shown = f'<video controls muted loop playsinline preload="metadata" poster="{poster}" src="{uri}"></video>'
    return f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>"


def beside(*items: str) -> str:
    """Two things side by side where there is room."""
    return f'<div class="beside">{"".join(f"<div>{item}</div>" for item in items)}</div>'


def figures(items: Iterable[str], small: bool = False) -> str:
    """Figures side by side where there is room."""
    return f'<div class="figures{" small" if small else ""}">{"".join(items)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], chosen: Iterable[str] = (), words: bool = False) -> str:
    """A table; rows whose first cell is in `chosen` stand out. `words`: the last column holds words, not numbers."""
    marked = set(chosen)
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr{' class=chosen' if row[0] in marked else ''}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    kind = ' class="why"' if words else ""
    return f'<div class="wide"><table{kind}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(items: Mapping[str, Any]) -> str:
    """Names and values."""
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>' for name, value in items.items())}</dl>"
