"""E-mail, against a real mail server: protected on the way, and safe whatever the agent wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standins.mail import PASSWORD, USER, MailServer, parts
from wharfinger.channels.card import Card, Line
from wharfinger.channels.mail import MailChannel, Server
from wharfinger.channels.notices import Ask, Letter, Settled
from wharfinger.channels.outbox import Rejected, Unreachable

CARD = Card(
    "a_1", "bot", ("Refund a payment (refund, write)",), "POST https://api.example.com/v1/refunds",
    (Line("amount", "500"),), "policies/support.yaml:12", "finance", ("40 of 100: a write",),
    (Line("idempotency-key", "1"),), "the customer asked", "2 bytes",
    datetime.now(UTC) + timedelta(hours=1), whole=True,
)  # fmt: skip
LETTERS = (
    Letter("alice@example.com", "https://wharf.example.com/approve/wl_ALICE", "12345678"),
    Letter("bob@example.com", "https://wharf.example.com/approve/wl_BOB", "87654321"),
)
ASK = Ask(CARD, ("email",), letters=LETTERS)


@pytest.fixture(params=["starttls", "tls"])
def server(request: Any, test_ca: Any) -> Iterator[MailServer]:
    opened = MailServer(test_ca.context(), request.param)
    yield opened
    opened.close()


def channel(server: MailServer, root: Path | None, **changes: Any) -> MailChannel:
    at = Server("localhost", server.port, server._tls, USER, PASSWORD, None if root is None else str(root))
    return MailChannel(replace(at, **changes), "wharf@example.com")


async def send(channel: MailChannel, ask: Ask = ASK) -> None:
    for job in channel.asked(ask):
        await job.work()


async def test_each_approver_gets_a_link_and_a_code_of_their_own(server: MailServer, test_ca: Any):
    await send(channel(server, test_ca.root))
    for address, link, code, other in (
        ("alice@example.com", "wl_ALICE", "1234-5678", "8765-4321"),
        ("bob@example.com", "wl_BOB", "8765-4321", "1234-5678"),
    ):
        mail = server.to(address)
        assert (mail["To"], mail["From"], mail["Auto-Submitted"]) == (
            address, "wharf@example.com", "auto-generated",
        )  # fmt: skip
        for text in parts(mail):
            assert f"https://wharf.example.com/approve/{link}" in text
            assert code in text
            assert other not in text
            assert code not in link
            for shown in ("Refund a payment", "amount = 500", "finance", "40 of 100", "idempotency-key: 1"):
                assert shown in text
            assert "own words" in text
    assert not channel(server, test_ca.root).settled(Settled(CARD, ("email",), "denied", "alice", ""))


async def test_a_server_whose_certificate_does_not_hold_gets_nothing(server: MailServer, test_ca: Any):
    with pytest.raises(Unreachable, match="certificate"):
        await send(channel(server, None))
    with pytest.raises(Unreachable, match="certificate"):
        await send(channel(server, test_ca.root, host="127.0.0.1"))
    assert server.mails == []


async def test_a_wrong_password(server: MailServer, test_ca: Any):
    with pytest.raises(Unreachable, match="does not let us in") as told:
        await send(channel(server, test_ca.root, password="wrong password"))
    assert "wrong password" not in str(told.value)


async def test_a_server_that_is_away_or_refuses(server: MailServer, test_ca: Any):
    server.refuse = "550 no such user"
    with pytest.raises(Rejected, match="address"):
        await send(channel(server, test_ca.root))
    server.refuse = "451 later"
    with pytest.raises((Rejected, Unreachable)):
        await send(channel(server, test_ca.root))
    server.stop()
    with pytest.raises(Unreachable, match="does not answer"):
        await send(channel(server, test_ca.root))
    server.start()


async def test_no_tls_no_mail(test_ca: Any):
    """A server that offers no STARTTLS gets no link and no code, and no password."""
    plain = MailServer(None, "none")
    try:
        with pytest.raises(Unreachable):
            await send(channel(plain, test_ca.root, tls="starttls"))
        assert plain.mails == []
    finally:
        plain.close()


@pytest.mark.parametrize("field", ["agent", "tools"])
def test_a_header_cannot_be_injected(field: str):
    """The subject holds an agent's name and a tool's description, and no line of theirs."""
    evil = "x\r\nBcc: evil@example.com\r\n\r\nbody"
    card = replace(CARD, **{field: (evil,) if field == "tools" else evil})
    mail = MailChannel(Server("localhost", 25, "none"), "w@example.com").mail(
        replace(ASK, card=card), LETTERS[0]
    )
    assert "Bcc" not in mail
    assert "\n" not in mail["Subject"]
    assert bytes(mail).count(b"\nSubject:") == 1
