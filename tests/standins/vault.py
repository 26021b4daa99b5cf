"""A Vault on this machine: the HTTP API of KV 2, AppRole, Kubernetes and tokens, as its own clients use it.

Leases are real: a token ends when its time is over, unless it is renewed, and never lives beyond its greatest
age. Paths: https://developer.hashicorp.com/vault/api-docs.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from standins.web import Asked, Said, Server

ROOT = "root-0123456789abcdef"
NAMED = "auth/approle/role/"


@dataclass
class Token:
    ttl: float
    longest: float
    renewable: bool
    made: float = field(default_factory=time.time)
    ends: float = 0.0

    def __post_init__(self) -> None:
        self.ends = self.made + self.ttl if self.ttl else 0.0

    @property
    def good(self) -> bool:
        return not self.ends or time.time() < self.ends

    @property
    def left(self) -> int:
        return max(0, round(self.ends - time.time())) if self.ends else 0

    def renew(self) -> None:
        self.ends = min(time.time() + self.ttl, self.made + self.longest)


@dataclass
class Role:
    role_id: str
    ttl: float
    longest: float
    secret_ids: set[str] = field(default_factory=set)


class Vault(Server):
    """See the module's head."""

    def __init__(self) -> None:
        self.tokens: dict[str, Token] = {ROOT: Token(0, 0, renewable=False)}
        self.roles: dict[str, Role] = {}
        self.pods: dict[str, str] = {}
        """Role of Kubernetes to the token that it takes."""
        self.entries: dict[str, list[dict[str, Any] | None]] = {}
        self.expiring: dict[str, str] = {}
        self.sealed = False
        self.lock = threading.Lock()
        super().__init__(self.answer)

    def answer(self, asked: Asked) -> Said:
        with self.lock:
            return self._answer(asked)

    def _answer(self, asked: Asked) -> Said:
        if self.sealed:
            return Said(503, {"errors": ["Vault is sealed"]})
        path, body = asked.path.removeprefix("/v1/"), asked.json
        if path.startswith("auth/") and path.endswith("/login"):
            return self._login(path.split("/")[1], body)
        token = self.tokens.get(asked.headers.get("x-vault-token", ""))
        if token is None or not token.good:
            return Said(403, {"errors": ["permission denied"]})
        given = asked.headers["x-vault-token"]
        if path == "auth/token/lookup-self":
            return Said(200, {"data": {"ttl": token.left, "renewable": token.renewable}})
        if path == "auth/token/renew-self":
            if not token.renewable:
                return Said(400, {"errors": ["lease is not renewable"]})
            token.renew()
            return self._auth(given)
        if path == "auth/token/create":
            ttl, longest = _span(body.get("ttl")), _span(body.get("explicit_max_ttl")) or 1e9
            return self._auth(self._new(Token(ttl, longest, renewable=body.get("renewable", True))))
        if path in {"auth/token/revoke", "auth/token/revoke-self"}:
            self.tokens.pop(body.get("token", given), None)
            return Said(204, None)
        if path.startswith(NAMED):
            return self._role(asked.method, *path.removeprefix(NAMED).split("/"), body=body)
        if path.startswith(("sys/auth/", "sys/policies/")):
            return Said(204, None)
        mount, _, rest = path.partition("/")
        kind, _, name = rest.partition("/")
        if mount == "secret" and kind == "data":
            return self._data(asked.method, name, body)
        if mount == "secret" and kind in {"delete", "destroy"}:
            for number in body["versions"]:
                self.entries[name][number - 1] = None
            return Said(204, None)
        return Said(404, {"errors": []})

    def _new(self, token: Token, name: str = "") -> str:
        name = name or f"hvs.{secrets.token_urlsafe(24)}"
        self.tokens[name] = token
        return name

    def _auth(self, name: str) -> Said:
        token = self.tokens[name]
        held = {"client_token": name, "lease_duration": token.left, "renewable": token.renewable}
        return Said(200, {"auth": held, "lease_id": "", "data": None})

    def _login(self, method: str, body: dict[str, Any]) -> Said:
        if method == "kubernetes":
            if self.pods.get(body.get("role", "")) != body.get("jwt"):
                return Said(403, {"errors": ["permission denied"]})
            return self._auth(self._new(Token(3600, 36000, renewable=True)))
        for role in self.roles.values():
            if role.role_id == body.get("role_id") and body.get("secret_id") in role.secret_ids:
                return self._auth(self._new(Token(role.ttl, role.longest, renewable=True)))
        return Said(400, {"errors": ["invalid role or secret ID"]})

    def _role(self, method: str, name: str, part: str = "", *, body: dict[str, Any]) -> Said:
        if not part:
            self.roles[name] = Role(
                secrets.token_hex(16), _span(body.get("token_ttl")), _span(body.get("token_max_ttl")) or 1e9
            )
            return Said(204, None)
        role = self.roles[name]
        if part == "role-id":
            return Said(200, {"data": {"role_id": role.role_id}})
        made = secrets.token_hex(16)
        role.secret_ids.add(made)
        return Said(200, {"data": {"secret_id": made}})

    def _data(self, method: str, name: str, body: dict[str, Any]) -> Said:
        versions = self.entries.setdefault(name, []) if method != "GET" else self.entries.get(name, [])
        if method in {"POST", "PUT"}:
            versions.append(body["data"])
            return Said(200, {"data": {"version": len(versions)}})
        if not versions:
            return Said(404, {"errors": []})
        metadata = {
            "version": len(versions),
            "destroyed": False,
            "deletion_time": self.expiring.get(name, ""),
        }
        if versions[-1] is None:
            metadata["deletion_time"] = datetime.now(UTC).isoformat().replace("+00:00", "Z")
            return Said(404, {"data": {"data": None, "metadata": metadata}})
        return Said(200, {"data": {"data": versions[-1], "metadata": metadata}, "lease_duration": 0})


def _span(text: object) -> float:
    """`3s`, `1m` or a number of seconds."""
    if text in {None, ""}:
        return 0.0
    held = str(text)
    unit = {"s": 1, "m": 60, "h": 3600}.get(held[-1])
    return float(held[:-1]) * unit if unit else float(held)


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


__all__ = ["ROOT", "Vault", "soon"]
