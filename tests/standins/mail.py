"""A mail server on this machine, as aiosmtpd makes one: STARTTLS or TLS, sign-in, mailboxes of lists."""

from __future__ import annotations

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from standins.running import Loop, wait

USER, PASSWORD = "wharfinger", "a password of the mail server"


class MailServer:
    """One server, and everything that was sent to it."""

    def __init__(self, context: ssl.SSLContext | None, tls: str = "starttls") -> None:
        self._loop = Loop()
        self._context, self._tls = context, tls
        self.mails: list[tuple[str, EmailMessage]] = []
        self.plain_logins = 0
        self.refuse = ""
        """What every recipient is answered with, if anything."""
        self.port = 0
        self.start()

    def start(self) -> None:
        self._server = self._loop.run(self._start())

    def stop(self) -> None:
        async def stop() -> None:
            self._server.close()
            self._server.close_clients()
            await asyncio.sleep(0.05)

        self._loop.run(stop())

    def close(self) -> None:
        self.stop()
        self._loop.close()

    async def _start(self) -> Any:
        starttls = self._context if self._tls == "starttls" else None
        server = await self._loop.loop.create_server(
            lambda: SMTP(
                self,
                hostname="mail.standin",
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=self._signed_in,
                auth_required=starttls is not None,
                auth_require_tls=self._tls != "tls",
                loop=self._loop.loop,
            ),
            "127.0.0.1",
            self.port,
            ssl=self._context if self._tls == "tls" else None,
        )
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _signed_in(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, given: Any
    ) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (
            USER.encode(), PASSWORD.encode(),
        )  # fmt: skip
        return AuthResult(success=right, handled=right)

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        for address in envelope.rcpt_tos:
            self.mails.append((address, mail))  # type: ignore[arg-type]
        return "250 OK"

    def to(self, address: str) -> EmailMessage:
        """The newest mail to somebody, once there is one."""

        def look() -> EmailMessage | None:
            return next((mail for to, mail in reversed(self.mails) if to == address), None)

        found = wait(f"a mail to {address}", look)
        assert found is not None
        return found


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The text and the page of a mail."""
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    return text.get_content(), page.get_content()
