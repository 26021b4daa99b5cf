"""Google Secret Manager and Azure Key Vault on this machine, with what signs in to them.

Each verifies by itself what a client proves: signatures of assertions, secrets of applications, the headers
that keep metadata servers from being asked by accident. Paths and bodies are those of the vendors' pages:
https://cloud.google.com/secret-manager/docs/reference/rest and https://learn.microsoft.com/rest/api/keyvault.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from standins.web import Asked, Said, Server

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Token:
    value: str
    ends: float


class Cloud(Server):
    """Tokens that end, and what they open."""

    def __init__(self, **more: Any) -> None:
        self.tokens: list[Token] = []
        self.life = 3600
        self.secrets: dict[str, list[str]] = {}
        super().__init__(self.answer, **more)

    def answer(self, asked: Asked) -> Said:
        raise NotImplementedError

    def token(self) -> dict[str, Any]:
        made = Token(f"ya29.{secrets.token_urlsafe(32)}", time.time() + self.life)
        self.tokens.append(made)
        return {"access_token": made.value, "expires_in": self.life, "token_type": "Bearer"}

    def knows(self, asked: Asked) -> bool:
        given = asked.headers.get("authorization", "")
        return any(given == f"Bearer {token.value}" and time.time() < token.ends for token in self.tokens)


class Google(Cloud):
    """See the module's head."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        super().__init__()

    @property
    def account(self) -> str:
        """The JSON of a service account's key."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        held = {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": "wharf@acme.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }
        return json.dumps(held)

    def answer(self, asked: Asked) -> Said:
        if asked.path == "/token":
            form = asked.form
            claims = jwt.decode(
                form["assertion"],
                self.key.public_key(),
                ["RS256"],
                audience=[f"{self.url}/token", "https://oauth2.googleapis.com/token"],  # the SDK's own
                options={"verify_iat": False, "verify_exp": False},  # tests set the client's clock forward
            )
            scoped = claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
            return Said(200, self.token()) if form["grant_type"] == JWT_GRANT and scoped else Said(400, {})
        if asked.path.startswith("/computeMetadata/v1/"):
            if asked.headers.get("metadata-flavor") != "Google":
                return Said(403, {})
            return Said(200, self.token(), (("Metadata-Flavor", "Google"),))
        if not self.knows(asked):
            return Said(401, {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "no"}})
        name, _, version = asked.path.removeprefix("/v1/").removesuffix(":access").rpartition("/versions/")
        versions = self.secrets.get(name, [])
        number = len(versions) if version == "latest" else int(version)
        if not 0 < number <= len(versions):
            return Said(404, {"error": {"code": 404, "status": "NOT_FOUND", "message": "no"}})
        data = versions[number - 1].encode()
        return Said(
            200,
            {
                "name": f"{name}/versions/{number}",
                "payload": {"data": base64.b64encode(data).decode(), "dataCrc32c": str(_crc32c(data))},
            },
        )


class Azure(Cloud):
    """See the module's head."""

    def __init__(self, **more: Any) -> None:
        self.tenant = "11111111-2222-3333-4444-555555555555"
        self.applications = {"app-1": "application-secret-0123456789"}
        self.workloads = {"app-2": "eyJ.workload.token"}
        self.ends: dict[str, int] = {}
        super().__init__(**more)

    def answer(self, asked: Asked) -> Said:
        if asked.path.endswith("/oauth2/v2.0/token"):
            return self._login(asked)
        if asked.path == "/metadata/identity/oauth2/token":
            wanted = asked.query.get("resource") == "https://vault.azure.net" and asked.query.get(
                "api-version"
            )
            if asked.headers.get("metadata") != "true" or not wanted:
                return Said(400, {"error": "invalid_request"})
            made = self.token()
            return Said(200, made | {"expires_in": str(made["expires_in"])})
        if not self.knows(asked):
            at = f'Bearer authorization="{self.url}/{self.tenant}", resource="https://vault.azure.net"'
            return Said(401, {"error": {"code": "Unauthorized"}}, (("WWW-Authenticate", at),))
        _, _, name, *version = asked.path.split("/")
        versions = self.secrets.get(name, [])
        number = int(version[0]) if version and version[0] else len(versions)
        if not asked.query.get("api-version") or not 0 < number <= len(versions):
            return Said(404, {"error": {"code": "SecretNotFound"}})
        attributes: dict[str, Any] = {"enabled": True, "created": 1, "updated": 1}
        attributes |= {"exp": self.ends[name]} if name in self.ends else {}
        at = f"https://acme.vault.azure.net/secrets/{name}/{number}"
        return Said(200, {"value": versions[number - 1], "id": at, "attributes": attributes})

    def _login(self, asked: Asked) -> Said:
        form = asked.form
        client = form.get("client_id", "")
        proved = self.applications.get(client) == form.get("client_secret", "")
        if form.get("client_assertion_type") == ASSERTION:
            proved = self.workloads.get(client) == form.get("client_assertion")
        scoped = form.get("scope") == "https://vault.azure.net/.default"
        if not proved or not scoped or asked.path.split("/")[1] != self.tenant:
            return Said(401, {"error": "invalid_client"})
        return Said(200, self.token())


def _crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720), bit by bit: short texts only."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


__all__ = ["Azure", "Google"]
