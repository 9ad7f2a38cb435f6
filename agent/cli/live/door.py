"""The door of the page: who comes in, and what may be said inside.

viser trusts whoever speaks to it: any site that a visitor has open may connect to its port, any
client may set any attribute of a widget or ask the server for a tunnel to the outside, and a
message that is none ends a connection with a traceback. Here every connection is checked before
viser sees it and every message before viser reads it; what does not fit is dropped and counted.
"""

from __future__ import annotations

import hmac
import http
import ipaddress
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
import websockets.asyncio.server
from websockets.asyncio.server import Request, Response, ServerConnection
from websockets.datastructures import Headers

from latent_mpc.configs.errors import LatentMPCError

LONGEST = 65536  # [bytes] of a message: no widget of ours sends as much
PATIENCE = 1.0  # [s] for a browser to say good-bye when the page ends
# nothing from elsewhere: no script, no font, no picture, no request
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:"
    " data:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src data: blob:;"
    " font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob: data:;"
    " child-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NUMBERS = {"wxyz": 4, "position": 3, "look_at": 3, "up_direction": 3}
NUMBERS |= {"ray_origin": 3, "ray_direction": 3}
# what a browser says to this page -> its fields; all others ask for what this page does not offer
SAID: dict[str, tuple[str, ...]] = {
    "ViewerCameraMessage": (
        *("wxyz", "position", "fov", "near", "far", "image_height", "image_width"),
        *("look_at", "up_direction"),
    ),
    "ScenePointerMessage": (
        *("event_type", "ray_origin", "ray_direction", "screen_pos", "modifier"),
    ),
    "GuiUpdateMessage": ("uuid", "updates"),
    "GuiButtonHoldMessage": ("uuid", "frequency"),
    "CommandTriggerMessage": ("uuid",),
    "FileTransferPartAck": (
        *("source_component_uuid", "transfer_uuid", "transferred_bytes", "total_bytes"),
    ),
}


class Door:
    """Counts whom and what it turned away.

    Args:
        host: address that the page listens on.
        token: what the address must hold; "" for the loopback, where nobody else comes from.
    """

    def __init__(self, host: str, token: str = "") -> None:
        self.host, self.token = host, token
        self.dropped = 0  # messages
        self.refused = 0  # connections

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """A server that viser starts meanwhile has this door."""
        serve = websockets.asyncio.server.serve

        def guarded(handler: Callable[[Any], Any], *args: Any, **options: Any) -> Any:
            inner = options.get("process_request")

            async def handle(connection: ServerConnection) -> None:
                await handler(Guarded(connection, self))

            def admit(connection: ServerConnection, request: Request) -> Response | None:
                if (refusal := self.refusal(request)) is not None:
                    self.refused += 1
                    return refusal
                # viser knows no tokens
                request.path = "/" + request.path[1 + len(self.token) :].lstrip("/")
                return with_policy(inner(connection, request) if inner else None)

            options |= {"process_request": admit, "max_size": LONGEST, "close_timeout": PATIENCE}
            return serve(handle, *args, **options)

        websockets.asyncio.server.serve = guarded  # type: ignore[assignment,misc]
        try:
            yield
        finally:
            websockets.asyncio.server.serve = serve  # type: ignore[misc]

    def refusal(self, request: Request) -> Response | None:
        """Why a request does not come in; None if it does."""
        host = request.headers.get("Host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if not self.token and not is_loopback(name):
            # a site whose name was made to mean this machine
            return refused(http.HTTPStatus.FORBIDDEN, "this page is for its own machine only")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return refused(http.HTTPStatus.FORBIDDEN, "another site may not speak to this page")
        given = request.path.partition("?")[0].strip("/").partition("/")[0]
        if self.token and not hmac.compare_digest(given.encode(), self.token.encode()):
            return refused(http.HTTPStatus.FORBIDDEN, "the address must hold the token")
        return None


class Guarded:
    """A connection that gives viser only what it can read."""

    def __init__(self, connection: ServerConnection, door: Door) -> None:
        self._connection, self._door = connection, door

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def recv(self) -> bytes:
        """The next message that fits."""
        while True:
            raw = await self._connection.recv()
            if isinstance(raw, bytes) and fits(raw):
                return raw
            self._door.dropped += 1


def fits(raw: bytes) -> bool:
    """Whether a message is one that a browser sends to this page, whole and of the right kinds."""
    try:
        message = msgspec.msgpack.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if not isinstance(message, dict) or not all(isinstance(key, str) for key in message):
        return False
    kind = message.get("type")
    fields = SAID.get(kind) if isinstance(kind, str) else None
    if fields is None or set(message) != {"type", *fields}:
        return False
    return all(_fits(key, message[key]) for key in fields)


def _fits(key: str, value: Any) -> bool:
    if key in NUMBERS:
        return is_numbers(value, NUMBERS[key])
    if key in ("fov", "near", "far", "frequency"):
        return is_number(value)
    if key in ("image_height", "image_width", "transferred_bytes", "total_bytes"):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40
    if key == "screen_pos":
        return (
            isinstance(value, list) and 0 < len(value) < 3 and all(is_numbers(p, 2) for p in value)
        )
    if key == "modifier":
        return value is None or isinstance(value, str)
    if key == "event_type":
        return value == "click"
    if key == "updates":  # viser would set any attribute
        return isinstance(value, dict) and set(value) == {"value"} and is_value(value["value"])
    if key == "source_component_uuid":
        return value is None or isinstance(value, str)
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """A finite one."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_numbers(value: Any, count: int) -> bool:
    """So many finite ones."""
    return isinstance(value, list) and len(value) == count and all(map(is_number, value))


def is_value(value: Any) -> bool:
    """What one of our widgets may hold."""
    return isinstance(value, bool | str) or is_number(value)


def is_loopback(name: str) -> bool:
    """Whether a host's name or number means this machine."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def require_host(host: str) -> None:
    """Raise ValueError unless one can listen on this address: viser would try for ever."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
            trial.bind((host, 0))
    except (OSError, UnicodeError) as error:
        raise LatentMPCError(
            f"host must be an address of this machine, such as 127.0.0.1 or 0.0.0.0, got"
            f" {host!r:.60}: {error}"
        ) from None


def with_policy(response: Response | None) -> Response | None:
    """A page that may ask nobody else for anything."""
    if response is None:
        return None
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def refused(status: http.HTTPStatus, why: str) -> Response:
    """A page of one line."""
    return Response(
        status,
        status.phrase,
        Headers({"Content-Type": "text/plain", "Content-Length": str(len(why))}),
        why.encode(),
    )
