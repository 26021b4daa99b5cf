"""HashiCorp Vault and OpenBao: entries of a KV engine of version 2.

Who asks signs in by a token, by AppRole, or as a pod of Kubernetes, and holds what it is given by its lease:
renewed in the last third of it, and signed in anew where that is refused, as after a revocation. A token of
one's own is renewed while nobody uses it, too, since there is no other way to a new one.

Sources: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version,
https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle,
https://developer.hashicorp.com/vault/api-docs/auth/kubernetes#login,
https://developer.hashicorp.com/vault/api-docs/auth/token#renew-a-token-self.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from wharfinger.credentials import mounted
from wharfinger.credentials.asking import Answer
from wharfinger.credentials.sources import NotFetched, Value
from wharfinger.credentials.stores import reading
from wharfinger.credentials.stores.remote import Remote
from wharfinger.faults import Fault
from wharfinger.rules.models.origins import Place

POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where Kubernetes puts the token of a pod's service account."""
_AHEAD: Final = 1 / 3
"""The part of a lease at the end of which it is renewed."""
_FIELD: Final = "value"
_REFUSED: Final = 403


@dataclass(frozen=True, slots=True, repr=False)
class _Login:
    """A token of Vault, and how long it is good for (seconds since 1970)."""

    token: str
    expires: float | None
    renew: float | None
    given: tuple[str, ...]
    """What was signed in with."""


class Vault(Remote):
    """See the module's head."""

    _login: _Login | None = None

    def read(self, place: Place) -> Value:
        """The newest version of the entry."""
        began = self._asked.means.now()
        login = self._signed_in(began)
        answer = self._entry(place, login)
        if answer.status == _REFUSED:  # the token may have been revoked
            login = self._anew(login, began)
            answer = self._entry(place, login)
        if answer.status == 404 and answer.json.get("data"):
            raise NotFetched(
                f"the source {self._name} has no version of the entry any more", "write a new one"
            )
        if answer.status != 200:
            reading.refused(self._name, answer.status)
        data = answer.json.get("data")
        held, metadata = (
            (data.get("data"), data.get("metadata")) if isinstance(data, Mapping) else (None, None)
        )
        if not isinstance(held, Mapping) or not isinstance(metadata, Mapping):
            raise NotFetched(
                f"the source {self._name} did not answer as a KV engine of version 2", "see `mount`"
            )
        text = reading.in_mapping(held, place.field or _FIELD, self._name)
        due = began + self._declared.refresh.total_seconds()
        return Value(
            text,
            str(metadata.get("version", "")),
            due if login.renew is None else min(due, login.renew),
            reading.moment(metadata.get("deletion_time"), self._name),
            (login.token, *login.given),
            kept=login.renew is not None and self._declared.token is not None,
        )

    def _entry(self, place: Place, login: _Login) -> Answer:
        mount = self._declared.mount.strip("/") or "secret"
        return self._ask("GET", f"{mount}/data/{quote(place.path.removeprefix('/'))}", login.token)

    # The token

    def _signed_in(self, now: float) -> _Login:
        with self._lock:
            held = self._login
            if held is not None and held.renew is not None and now >= held.renew:
                held = self._renewed(held, now)
            self._login = held or self._sign_in(now)
            return self._login

    def _anew(self, refused: _Login, now: float) -> _Login:
        """Another login than the one that was refused; whoever comes first makes it for all."""
        with self._lock:
            if self._login is None or self._login.token == refused.token:
                self._login = None
                self._login = self._sign_in(now)
            return self._login

    def _renewed(self, held: _Login, now: float) -> _Login | None:
        """The login with a new lease; None if there is to be another login."""
        answer = self._ask("POST", "auth/token/renew-self", held.token, {})
        if answer.status == 200:
            found = self._leased(answer, now, held.given)
            longer = found.expires is None or held.expires is None or found.expires > held.expires + 1
            return found if longer else None  # else its greatest age is near
        if answer.status in {400, 403, 404} or held.expires is None or now >= held.expires:
            return None
        return held  # Vault is not well, and the token still holds

    def _sign_in(self, now: float) -> _Login:
        declared = self._declared
        given = self._given()
        if declared.token is not None:
            return self._own(given["token"].strip(), now)
        if declared.role_id:
            method, body = "approle", {"role_id": declared.role_id, "secret_id": given["secret_id"].strip()}
        else:
            jwt = given["jwt"].strip() if "jwt" in given else _pod()
            method, body = "kubernetes", {"role": declared.role, "jwt": jwt}
        at = declared.login_at.strip("/") or method
        answer = self._ask("POST", f"auth/{at}/login", None, body)
        if answer.status != 200:
            reading.refused(self._name, answer.status, "see that the role and what signs in are right")
        return self._leased(answer, now, tuple(given.values()))

    def _own(self, token: str, now: float) -> _Login:
        """A token that was made elsewhere: how long it holds is asked."""
        answer = self._ask("GET", "auth/token/lookup-self", token)
        if answer.status != 200:
            reading.refused(self._name, answer.status, "see that the token is still good")
        data = answer.json.get("data")
        data = data if isinstance(data, Mapping) else {}
        return _login(token, reading.seconds(data, "ttl", self._name), now, ())

    def _leased(self, answer: Answer, now: float, given: tuple[str, ...]) -> _Login:
        auth = answer.json.get("auth")
        auth = auth if isinstance(auth, Mapping) else {}
        token = reading.text_in(auth.get("client_token"), self._name, "a token")
        return _login(token, reading.seconds(auth, "lease_duration", self._name), now, given)

    def _ask(
        self, method: str, path: str, token: str | None, body: Mapping[str, str] | None = None
    ) -> Answer:
        fields = {"X-Vault-Request": "true"}
        if token is not None:
            if not (token.isascii() and token.isprintable()):
                raise NotFetched(f"what signs in to the source {self._name} is no token", "check it")
            fields["X-Vault-Token"] = token
        if self._declared.namespace:
            fields["X-Vault-Namespace"] = self._declared.namespace
        more = {} if body is None else {"json": dict(body)}
        return self._web.ask(method, f"{self._declared.address}/v1/{path}", fields, **more)


def _login(token: str, life: float, now: float, given: tuple[str, ...]) -> _Login:
    if not life:  # it does not end
        return _Login(token, None, None, given)
    return _Login(token, now + life, now + life * (1 - _AHEAD), given)


def _pod() -> str:
    """The token of the pod's service account, which its own containers may read."""
    try:
        return mounted.read(POD, limit=16 << 10, readable=True).decode("ascii").strip()
    except (OSError, Fault, ValueError):
        raise NotFetched(
            f'the token of the pod\'s service account cannot be read from "{POD}"',
            "run it in a pod, or write `jwt: file:…`",
        ) from None
