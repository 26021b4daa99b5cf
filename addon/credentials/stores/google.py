"""Google Secret Manager.

Who asks signs in by the key of a service account, or by what the machine has: the account that its metadata
server speaks for (Compute Engine, GKE with workload identity, Cloud Run).

Sources: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access,
https://cloud.google.com/compute/docs/access/authenticate-workloads#applications.
"""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import quote, urlsplit

from wharfinger.credentials import minting, token_servers
from wharfinger.credentials.sources import Asked, NotFetched, Value
from wharfinger.credentials.stores import reading
from wharfinger.credentials.stores.remote import Tokened
from wharfinger.credentials.token_servers import Minted
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.models.origins import Place
from wharfinger.rules.models.sources import DeclaredSource

API: Final = "https://secretmanager.googleapis.com"
METADATA: Final = "http://metadata.google.internal"
_OF_MACHINE: Final = "/computeMetadata/v1/instance/service-accounts/default/token"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_FLAVOR: Final = {"Metadata-Flavor": "Google"}


class GoogleSecrets(Tokened):
    """See the module's head."""

    def __init__(self, name: str, declared: DeclaredSource, asked: Asked) -> None:
        """Asks nothing yet."""
        super().__init__(name, declared, asked)
        self._address = declared.address or API

    def read(self, place: Place) -> Value:
        """The newest version of the entry, or the one after `@`."""
        began = self._asked.means.now()
        secret, _, version = place.path.partition("@")
        if "/" in secret + version:
            raise NotFetched(f"the source {self._name} has no folders", "write `NAME` or `NAME@VERSION`")
        token = self._signed_in(began)
        at = (
            f"projects/{quote(self._declared.project)}/secrets/{quote(secret)}/versions/{version or 'latest'}"
        )
        answer = self._web.ask(
            "GET", f"{self._address}/v1/{at}:access", {"Authorization": f"Bearer {token.value}"}
        )
        if answer.status == 401:
            self._forget(token)
        if answer.status != 200:
            reading.refused(self._name, answer.status)
        payload = answer.json.get("payload")
        try:
            data = payload.get("data") if isinstance(payload, dict) else None
            text = base64.b64decode(reading.text_in(data, self._name), validate=True).decode()
        except ValueError:
            raise NotFetched(f"the source {self._name} did not give a text", "store it as text") from None
        return Value(
            reading.field_of(text, place, self._name),
            str(answer.json.get("name", "")).rpartition("/")[2],
            began + self._declared.refresh.total_seconds(),
            hidden=(token.value, *token.hidden),
        )

    def _sign_in(self, now: float) -> Minted:
        return self._of_key(now) if self._declared.key is not None else self._of_machine(now)

    def _of_key(self, now: float) -> Minted:
        written = {
            "kind": "google",
            "key": str(self._declared.key),
            "scopes": [_SCOPE],
            "hosts": [urlsplit(self._address).hostname],
        }
        return minting.mint(Credential.model_validate(written), self._given(), now, None)

    def _of_machine(self, now: float) -> Minted:
        answer = self._web.ask("GET", METADATA + _OF_MACHINE, _FLAVOR)
        if answer.status != 200 or answer.headers.get("metadata-flavor") != "Google":
            raise NotFetched("this machine has no metadata server of Google's", "write `key: file:…`")
        return token_servers.token(answer.json, now)
