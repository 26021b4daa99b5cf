"""E-mail: one mail to each approver, with a link that shows the question and a code to decide by; and alarms.

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
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

import certifi
from wharfinger.channels import alarm as alarms
from wharfinger.channels import letters
from wharfinger.channels.alarm import Alarm
from wharfinger.channels.notices import Ask, Letter, Settled
from wharfinger.channels.outbox import Job, Rejected, Unreachable
from wharfinger.channels.shown import cut

TIMEOUT: Final = 20.0
"""Seconds for each step of the conversation with the server."""
_KEPT: Final = timedelta(hours=24)
"""How long an alarm is of use to somebody who could not be reached."""


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
        mails = (self.mail(ask, letter) for letter in ask.letters)
        return [Job(ask.card.expires, functools.partial(self._post, mail)) for mail in mails]

    def settled(self, settled: Settled) -> list[Job]:
        """A mail that has gone cannot be changed: its link says how it came out."""
        return []

    def alarmed(self, alarm: Alarm) -> list[Job]:
        """One mail for each whom it concerns."""
        until = datetime.now(UTC) + _KEPT
        mails = (self._alarm(alarm, address) for address in alarm.addresses)
        return [Job(until, functools.partial(self._post, mail)) for mail in mails]

    def mail(self, ask: Ask, letter: Letter) -> EmailMessage:
        """The mail about a question."""
        mail = self._begun(letter.address, letters.subject(ask.card))
        mail.set_content(letters.plain(ask.card, letter))
        mail.add_alternative(letters.page(ask.card, letter), subtype="html")
        return mail

    def _alarm(self, alarm: Alarm, address: str) -> EmailMessage:
        mail = self._begun(address, cut(alarms.title(alarm), letters.SUBJECT_LIMIT).text)
        mail.set_content("\n\n".join((*alarms.lines(alarm), alarms.REFUSED)) + "\n")
        return mail

    def _begun(self, address: str, subject: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, address, subject
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self._domain)
        mail["Auto-Submitted"] = "auto-generated"
        return mail

    async def _post(self, mail: EmailMessage) -> None:
        await asyncio.to_thread(self._send, mail)

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
