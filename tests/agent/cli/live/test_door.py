"""Who comes in at the page's door, and which messages viser gets to read."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from websockets.asyncio.server import Request
from websockets.datastructures import Headers

from latent_mpc.agent.cli.live.door import POLICY, Door, fits, is_loopback, require_host
from latent_mpc.configs.errors import LatentMPCError

UPDATE = {"type": "GuiUpdateMessage", "uuid": "a", "updates": {"value": 3}}
CLICK = {
    "type": "ScenePointerMessage",
    "event_type": "click",
    "ray_origin": [0, 0, 1],
    "ray_direction": [0.0, 0.1, -1.0],
    "screen_pos": [[0.5, 0.5]],
    "modifier": None,
}


def asked(path: str = "/", host: str = "127.0.0.1:8080", origin: str | None = None) -> Request:
    headers = {"Host": host, **({} if origin is None else {"Origin": origin})}
    return Request(path, Headers(headers))


def packed(message: object) -> bytes:
    return msgspec.msgpack.encode(message)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (asked(), None),
        (asked(host="localhost:8080"), None),
        (asked(host="[::1]:8080"), None),
        (asked(origin="http://127.0.0.1:8080"), None),
        (asked(origin="http://evil.example"), b"another site"),
        (asked(origin="http://127.0.0.1:9999"), b"another site"),
        (asked(host="evil.example:8080", origin="http://evil.example:8080"), b"its own machine"),
        (asked(host=""), b"its own machine"),
    ],
)
def test_on_the_loopback_only_this_machine_and_this_page_come_in(request_, why):
    refusal = Door("127.0.0.1").refusal(request_)
    assert (refusal is None) == (why is None)
    assert refusal is None or (refusal.status_code == 403 and why in refusal.body)


@pytest.mark.parametrize(
    ("path", "enters"),
    [
        ("/secret", True),
        ("/secret/", True),
        ("/secret/index.html?x=1", True),
        ("/", False),
        ("/secre", False),
        ("/secrets", False),
        ("/index.html?secret", False),
        ("/ünsecret", False),
    ],
)
def test_elsewhere_the_address_must_hold_the_token(path, enters):
    door = Door("0.0.0.0", "secret")
    assert (door.refusal(asked(path, host="192.0.2.7:8080")) is None) == enters


@pytest.mark.parametrize("message", [UPDATE, CLICK, {**UPDATE, "updates": {"value": "text"}}])
def test_what_a_browser_says_fits(message):
    assert fits(packed(message))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"\x81" * 5000,
        packed(None),
        packed([UPDATE]),
        packed({5: 1, "type": "GuiUpdateMessage"}),
        packed({"type": "ShareUrlRequest"}),  # would ask a server elsewhere for a tunnel
        packed({"type": "RunJavascriptMessage", "source": "alert(1)"}),
        packed({"type": ["GuiUpdateMessage"]}),
        packed({"type": "GuiUpdateMessage", "uuid": "a"}),
        packed({**UPDATE, "more": 1}),
        packed({**UPDATE, "uuid": ["a"]}),
        packed({**UPDATE, "updates": {"update_cb": []}}),  # viser would set it
        packed({**UPDATE, "updates": {"value": 1, "removed": True}}),
        packed({**UPDATE, "updates": {"value": [1, 2]}}),
        packed({**UPDATE, "updates": {"value": float("nan")}}),
        packed({**CLICK, "ray_origin": [0, 0]}),
        packed({**CLICK, "ray_origin": [0, 0, float("inf")]}),
        packed({**CLICK, "ray_direction": "up"}),
        packed({**CLICK, "event_type": "rect-select"}),
        packed({**CLICK, "screen_pos": []}),
    ],
)
def test_what_no_browser_says_to_this_page_does_not(raw):
    assert not fits(raw)


def test_a_thousand_damaged_messages_fit_or_do_not_and_raise_nothing():
    rng, whole = np.random.default_rng(0), packed(CLICK)
    kept = 0
    for _ in range(1000):
        damaged = bytearray(whole)
        for at in rng.integers(len(whole), size=rng.integers(1, 6)):
            damaged[at] = rng.integers(256)
        kept += fits(bytes(damaged[: rng.integers(1, len(whole) + 1)]))
    assert kept < 300


def test_the_page_may_ask_nobody_else_for_anything():
    assert "default-src 'none'" in POLICY
    assert "http" not in POLICY and "*" not in POLICY.replace("wasm-*", "")


@pytest.mark.parametrize("host", ["nowhere.invalid", "256.0.0.1", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_refused(host):
    with pytest.raises(LatentMPCError, match="host must be an address of this machine"):
        require_host(host)


def test_loopback_is_what_no_other_machine_reaches():
    assert [is_loopback(x) for x in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert not any(map(is_loopback, ("0.0.0.0", "192.0.2.1", "localhost.evil.example", "")))
