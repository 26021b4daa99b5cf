"""E-mail: one mail to each approver, with a link that shows the question and a code to decide by.

The connection is protected by STARTTLS or TLS, and the server's certificate is verified; without either a
mail goes only to a server on this machine. Programs that follow links change nothing: see `links`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

import certifi
from wharfinger.channels import letters
from wharfinger.channels.notices import Ask, Letter, Settled
from wharfinger.channels.outbox import Job, Rejected, Unreachable

TIMEOUT: Final = 20.0
"""Seconds for each step of the conversation with the server."""


@dataclass(frozen=True, slots=True)
class Server:
    """The mail server, and who signs in there."""

    host: str
    port: int
    tls: str
    user: str | None = None
    password: str | None = None
    ca: str | None = None
    """A PEM file to trust beside the public roots."""


class MailChannel:
    """See the module's head."""

    name = "email"

    def __init__(self, server: Server, sender: str) -> None:
        """`sender` is the address that mails come from."""
        self._server = server
        self._sender = sender
        self._domain = sender.rpartition("@")[2]
        self._trust = ssl.create_default_context(cafile=certifi.where())
        if server.ca is not None:
            self._trust.load_verify_locations(cafile=server.ca)

    async def close(self) -> None:
        """Nothing is kept open."""

    def asked(self, ask: Ask) -> list[Job]:
        """One mail for each letter."""
        return [Job(ask.card.expires, functools.partial(self._post, ask, letter)) for letter in ask.letters]

    def settled(self, settled: Settled) -> list[Job]:
        """A mail that has gone cannot be changed: its link says how it came out."""
        return []

    def mail(self, ask: Ask, letter: Letter) -> EmailMessage:
        """The mail itself."""
        mail = EmailMessage()
        mail["From"], mail["To"] = self._sender, letter.address
        mail["Subject"] = letters.subject(ask.card)
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self._domain)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letters.plain(ask.card, letter))
        mail.add_alternative(letters.page(ask.card, letter), subtype="html")
        return mail

    async def _post(self, ask: Ask, letter: Letter) -> None:
        await asyncio.to_thread(self._send, self.mail(ask, letter))

    def _send(self, mail: EmailMessage) -> None:
        try:
            with self._connected() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused:
            raise Rejected("the mail server does not take the address of an approver") from None
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            raise Unreachable(f"the mail server does not let us in: {type(error).__name__}") from None
        except smtplib.SMTPResponseException as error:
            kind = (
                Rejected
                if isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
                else Unreachable
            )
            raise kind(f"the mail server answers {error.smtp_code}") from None
        except ssl.SSLError:
            raise Unreachable("the mail server's certificate does not hold") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(f"the mail server does not answer: {type(error).__name__}") from None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        at = self._server
        host = at.host.strip("[]")
        if at.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, at.port, timeout=TIMEOUT, context=self._trust)
        else:
            server = smtplib.SMTP(host, at.port, timeout=TIMEOUT)
        with server:
            if at.tls == "starttls":
                server.starttls(context=self._trust)
            if at.user is not None and at.password is not None:
                server.login(at.user, at.password)
            yield server
