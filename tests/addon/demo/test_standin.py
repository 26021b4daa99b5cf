"""The stand-ins are the demo's witnesses: what they say they saw must be what there was."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from wharfinger.demo import apis, certificates
from wharfinger.demo.certificates import StandInCa
from wharfinger.demo.standin import Answer, Received, StandIn

KEY = "sk_live_" + "k" * 24


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> StandInCa:
    return certificates.make(tmp_path_factory.mktemp("ca"), (apis.STRIPE, apis.GITHUB))


@pytest.fixture
def stripe(ca: StandInCa) -> Iterator[StandIn]:
    with StandIn(apis.STRIPE, ca.context(), apis.stripe(KEY)) as stand_in:
        yield stand_in


class _Client(http.client.HTTPSConnection):
    """Connects to a stand-in as if to the host it stands for, and verifies its certificate."""

    def __init__(self, stand_in: StandIn, root: Path) -> None:
        super().__init__(stand_in.host, context=ssl.create_default_context(cafile=str(root)), timeout=10)
        self._at = stand_in.address.split(":")

    def connect(self) -> None:
        raw = socket.create_connection((self._at[0], int(self._at[1])), 10)
        self.sock = self._context.wrap_socket(raw, server_hostname=self.host)


def _ask(
    client: _Client, method: str, path: str, body: str | None = None, key: str = KEY
) -> tuple[int, dict]:
    client.request(method, path, body, {"Authorization": f"Bearer {key}"})
    answer = client.getresponse()
    return answer.status, json.loads(answer.read() or b"{}")


def test_requests_are_kept_whole_and_connections_counted(stripe: StandIn, ca: StandInCa) -> None:
    client = _Client(stripe, ca.root)
    form = urlencode({"payment_intent": "pi_1", "amount": 1500})
    status, refund = _ask(client, "POST", "/v1/refunds", form)
    assert (status, refund["amount"], refund["id"]) == (200, 1500, "re_demo_1")
    assert _ask(client, "GET", "/v1/payment_intents/pi_1?expand[]=x")[0] == 200
    client.close()
    assert stripe.record.state() == (1, 2)
    (seen,) = stripe.record.requests("POST", "/v1/refunds")
    assert seen.form == {"payment_intent": "pi_1", "amount": "1500"}
    assert seen.header("authorization") == f"Bearer {KEY}"
    assert seen.connection == 1


def test_a_connection_counts_before_any_tls(stripe: StandIn) -> None:
    """`No connection was made` means not even a TCP connection, nor one that never says hello."""
    host, port = stripe.address.split(":")
    with socket.create_connection((host, int(port)), 5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass
    assert stripe.record.state() == (1, 0)


@pytest.mark.parametrize("key", ["sk_test_placeholder00000", "", KEY + "x"])
def test_a_placeholder_gets_nobody_in(stripe: StandIn, ca: StandInCa, key: str) -> None:
    client = _Client(stripe, ca.root)
    status, answer = _ask(client, "GET", "/v1/payment_intents/pi_1", key=key)
    client.close()
    assert status == 401
    assert KEY not in json.dumps(answer)


def test_an_answer_reflects_the_key_as_careless_metadata_would(stripe: StandIn, ca: StandInCa) -> None:
    client = _Client(stripe, ca.root)
    _, answer = _ask(client, "GET", "/v1/payment_intents/pi_1")
    client.close()
    assert KEY in answer["metadata"]["debug"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/user", b"", 200),
        ("GET", "/repos/acme/shop", b"", 200),
        ("POST", "/repos/acme/shop/issues", b'{"title": "Hi"}', 201),
        ("DELETE", "/repos/acme/shop", b"", 204),
        ("GET", "/nothing/here", b"", 404),
    ],
)
def test_github_answers(method: str, path: str, body: bytes, status: int) -> None:
    answer = apis.github(KEY)(Received(1, method, path, (("Authorization", f"token {KEY}"),), body))
    assert answer.status == status
    refused = apis.github(KEY)(Received(1, method, path, (("Authorization", "token other"),), body))
    assert refused.status == 401


def test_closing_ends_open_connections(ca: StandInCa) -> None:
    with StandIn(apis.STRIPE, ca.context(), lambda _seen: Answer(200, {})) as stand_in:
        client = _Client(stand_in, ca.root)
        assert _ask(client, "GET", "/")[0] == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        _ask(client, "GET", "/")
    client.close()
