"""What is wrong with keys, certificates and trust, in words that an operator can act on."""

from __future__ import annotations


class CertificateError(Exception):
    """A key, a certificate or a bundle is not as it must be; nothing is served with it."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep what is wrong (lower case, quoting paths) and its remedy apart."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class AuthorityError(CertificateError):
    """The certificate authority cannot be used."""


class TrustError(CertificateError):
    """A file of roots cannot be used."""
