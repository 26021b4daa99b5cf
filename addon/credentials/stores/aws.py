"""AWS Secrets Manager, and the parameters of AWS Systems Manager, by `botocore` (an extra).

Who asks signs in by keys that are named, by a profile, or by what the machine has: botocore's own chain, of
which a role of an instance, a task or a pod is part.

Sources: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html,
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from wharfinger.credentials.asking import Web
from wharfinger.credentials.sources import NotFetched, Value
from wharfinger.credentials.stores import reading
from wharfinger.credentials.stores.remote import Remote
from wharfinger.rules.models.origins import Place

_SECONDS: Final = 5
"""For each of two tries."""
_CODES: Final = frozenset({
    "ResourceNotFoundException", "ParameterNotFound", "AccessDeniedException", "DecryptionFailure",
    "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId", "ThrottlingException",
    "InvalidRequestException", "InvalidSignatureException", "InternalServiceError",
})  # fmt: skip
"""Codes of errors that are told as they are: all others might be anything."""


class _Aws(Remote):
    """What both have in common."""

    service: ClassVar[str]

    _client: tuple[Mapping[str, str], Any] | None = None

    def read(self, place: Place) -> Value:
        """The newest version of the entry."""
        began = self._asked.means.now()
        keys = self._given()
        try:
            text, version = self.get(self._connected(keys), place.path)
        except NotFetched:
            raise
        except Exception as error:  # noqa: BLE001 - of a library: its messages quote what was asked
            raise NotFetched(
                f"the source {self._name} cannot be read: {_told(error)}",
                "see its region, and that who asks may read it",
            ) from None
        return Value(
            reading.field_of(text, place, self._name),
            version,
            began + self._declared.refresh.total_seconds(),
            hidden=tuple(keys[key] for key in ("secret_key", "session_token") if key in keys),
        )

    def get(self, client: Any, path: str) -> tuple[str, str]:
        """The text of an entry, and its version."""
        raise NotImplementedError

    def _connected(self, keys: Mapping[str, str]) -> Any:
        with self._lock:  # sessions are not made for several threads; clients are
            if self._client is None or self._client[0] != keys:
                self._client = (keys, self._made(keys))
            return self._client[1]

    def _made(self, keys: Mapping[str, str]) -> Any:
        try:
            from botocore.config import Config  # noqa: PLC0415 - an extra
            from botocore.session import Session  # noqa: PLC0415
        except ImportError:
            raise NotFetched(
                "the library botocore is not installed", "pip install 'wharfinger[aws]'"
            ) from None
        declared = self._declared
        config = Config(
            retries={"total_max_attempts": 2, "mode": "standard"},
            ignore_configured_endpoint_urls=True,
        )
        session = Session(profile=declared.profile or None)
        session.register("before-send", self._send)
        return session.create_client(
            self.service,
            region_name=declared.region,
            endpoint_url=declared.address or None,
            aws_access_key_id=keys.get("access_key"),
            aws_secret_access_key=keys.get("secret_key"),
            aws_session_token=keys.get("session_token"),
            config=config,
        )

    def _send(self, request: Any, **_: Any) -> Any:
        """Ask in botocore's stead, whose time-outs are for each read and whose answers have no limit."""
        from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - an extra

        fields = {
            name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
        }
        web = Web(self._ca, _SECONDS)
        answer = web.ask(request.method, request.url, fields, content=request.body or b"")
        return AWSResponse(request.url, answer.status, dict(answer.headers), _Raw(answer.body))


class _Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self) -> Iterator[bytes]:
        """All of it."""
        yield self.read()


class AwsSecrets(_Aws):
    """AWS Secrets Manager."""

    service = "secretsmanager"

    def get(self, client: Any, path: str) -> tuple[str, str]:
        """The secret's text, and its version's id."""
        answer = client.get_secret_value(SecretId=path)
        if "SecretBinary" in answer:
            raise NotFetched(f"the source {self._name} has bytes there, and no text", "store it as text")
        return reading.text_in(answer.get("SecretString"), self._name), str(answer.get("VersionId", ""))


class AwsParameters(_Aws):
    """AWS Systems Manager's parameters."""

    service = "ssm"

    def get(self, client: Any, path: str) -> tuple[str, str]:
        """The parameter's value, decrypted, and its version."""
        held = client.get_parameter(Name=path, WithDecryption=True).get("Parameter", {})
        return reading.text_in(held.get("Value"), self._name), str(held.get("Version", ""))


def _told(error: Exception) -> str:
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return code if code in _CODES else type(error).__name__
