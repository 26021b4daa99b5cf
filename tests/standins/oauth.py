"""An authorization server on this machine: authlib's own, behind Flask, as those who run one would write it.

It gives tokens that end, by client credentials, by refresh tokens (each of use once, as RFC 9700 2.2.2 has
it), and for assertions that a known key has signed.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc7523 import JWTBearerGrant
from flask import Flask, Response
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server


@dataclass
class Client(ClientMixin):
    """One client, which signs in by Basic."""

    client_id: str
    secret: str
    scopes: frozenset[str] = frozenset({"read", "write"})

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(sorted(self.scopes & set((scope or "").split())))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return False

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in {"client_secret_basic", "none"} and endpoint == "token"

    def check_response_type(self, response_type: str) -> bool:
        return False

    def check_grant_type(self, grant_type: str) -> bool:
        return True


@dataclass
class Token(TokenMixin):
    """What was given out."""

    client_id: str
    access_token: str
    refresh_token: str | None
    scope: str
    ends: float
    revoked: bool = False

    def check_client(self, client: ClientMixin) -> bool:
        return self.client_id == client.get_client_id()

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return round(self.ends - time.time())

    def is_expired(self) -> bool:
        return time.time() >= self.ends

    def is_revoked(self) -> bool:
        return self.revoked

    def get_user(self) -> str:
        return "user"

    def get_client(self) -> None:
        return None


@dataclass
class Oauth:
    """See the module's head."""

    public: str
    """The key whose assertions are taken."""
    life: int = 3600
    client: Client = field(default_factory=lambda: Client("wharf", "client-secret-0123456789"))
    tokens: list[Token] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._lock = threading.Lock()
        app = Flask("oauth")
        app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
        server = AuthorizationServer(app, query_client=self._client, save_token=self._save)
        for grant in self._grants():
            server.register_grant(grant)

        @app.post("/token")
        def token() -> Response:
            answer: Response = server.create_token_response()
            self.refused += answer.status_code != 200
            return answer

        self.http = make_server("127.0.0.1", 0, app, threaded=True)
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def given(self) -> str:
        """A refresh token as a person's consent would have given it."""
        first = Token("wharf", "first", f"rt_{len(self.tokens)}_0123456789abcdef", "read", time.time())
        self.tokens.append(first)
        return str(first.refresh_token)

    def knows(self, value: str) -> bool:
        """Whether a token is good now: what an API of theirs would ask."""
        with self._lock:
            return any(each.access_token == value and not each.is_expired() for each in self.tokens)

    def _client(self, client_id: str) -> Client | None:
        return self.client if client_id == self.client.client_id else None

    def _save(self, made: dict[str, Any], request: Any) -> None:
        ends = time.time() + self.life
        made["expires_in"] = self.life
        held = Token("wharf", made["access_token"], made.get("refresh_token"), made.get("scope") or "", ends)
        with self._lock:
            self.tokens.append(held)

    def _grants(self) -> list[Any]:
        server = self

        class Refresh(grants.RefreshTokenGrant):
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
                with server._lock:
                    held = [each for each in server.tokens if each.refresh_token == refresh_token]
                return held[0] if held and not held[0].revoked else None

            def authenticate_user(self, refresh_token: Token) -> str:
                return "user"

            def revoke_old_credential(self, refresh_token: Token) -> None:
                refresh_token.revoked = True

        class Assertion(JWTBearerGrant):
            def resolve_issuer_client(self, issuer: str) -> Client | None:
                return server._client(issuer)

            def resolve_client_public_key(self, client: Client) -> Any:
                return RSAKey.import_key(server.public)

            def get_audiences(self) -> list[str]:
                return [f"{server.url}/token"]

            def authenticate_user(self, subject: str) -> str:
                return "user"

            def has_granted_permission(self, client: Client, user: str) -> bool:
                return True

        return [grants.ClientCredentialsGrant, Refresh, Assertion]

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join(10)
        self.http.server_close()
