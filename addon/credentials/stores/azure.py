"""Azure Key Vault.

Who asks signs in as an application (by its secret, or by the token of a workload), or as the managed identity
of the machine.

Sources: https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret,
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (first and third case).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlsplit

from wharfinger.credentials import token_servers
from wharfinger.credentials.asking import Answer
from wharfinger.credentials.sources import NotFetched, Value
from wharfinger.credentials.stores import reading
from wharfinger.credentials.stores.remote import Tokened
from wharfinger.credentials.token_servers import Minted
from wharfinger.rules.models.origins import Place

LOGIN: Final = "https://login.microsoftonline.com"
METADATA: Final = "http://169.254.169.254"
VERSION: Final = "7.4"
_CLOUDS: Final = ("vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net")
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class AzureVault(Tokened):
    """See the module's head."""

    def read(self, place: Place) -> Value:
        """The newest version of the entry, or the one after `/`."""
        began = self._asked.means.now()
        token = self._signed_in(began)
        url = f"{self._declared.address}/secrets/{quote(place.path.strip('/'))}?api-version={VERSION}"
        answer = self._web.ask("GET", url, {"Authorization": f"Bearer {token.value}"})
        if answer.status == 401:
            self._forget(token)
        if answer.status != 200:
            reading.refused(self._name, answer.status)
        said = answer.json.get("attributes")
        ends = said.get("exp") if isinstance(said, dict) else None
        return Value(
            reading.field_of(reading.text_in(answer.json.get("value"), self._name), place, self._name),
            str(answer.json.get("id", "")).rpartition("/")[2],
            began + self._declared.refresh.total_seconds(),
            float(ends) if isinstance(ends, int) and not isinstance(ends, bool) else None,
            (token.value, *token.hidden),
        )

    def _sign_in(self, now: float) -> Minted:
        return self._of_application(now) if self._declared.tenant else self._of_machine(now)

    @property
    def _resource(self) -> str:
        host = urlsplit(self._declared.address).hostname or ""
        return "https://" + next((cloud for cloud in _CLOUDS if host.endswith(f".{cloud}")), _CLOUDS[0])

    def _of_application(self, now: float) -> Minted:
        declared = self._declared
        given = self._given()
        form = {
            "grant_type": "client_credentials",
            "client_id": declared.client_id,
            "scope": f"{self._resource}/.default",
        }
        if "jwt" in given:
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": given["jwt"].strip()}
        else:
            form |= {"client_secret": given["client_secret"]}
        base = declared.login_at or LOGIN
        answer = self._web.ask("POST", f"{base}/{quote(declared.tenant)}/oauth2/v2.0/token", {}, data=form)
        made = self._read(answer, now, "see the application, and that its secret is still good")
        return Minted(made.value, made.expires, tuple(given.values()))

    def _of_machine(self, now: float) -> Minted:
        asked = {"api-version": "2018-02-01", "resource": self._resource}
        asked |= {"client_id": self._declared.client_id} if self._declared.client_id else {}
        url = f"{METADATA}/metadata/identity/oauth2/token"
        answer = self._web.ask("GET", url, {"Metadata": "true"}, params=asked)
        return self._read(answer, now, "write `tenant`, `client_id` and `client_secret`")

    def _read(self, answer: Answer, now: float, hint: str) -> Minted:
        if answer.status != 200:
            raise NotFetched(f"signing in to the source {self._name} was refused ({answer.status})", hint)
        return token_servers.token(answer.json, now)
