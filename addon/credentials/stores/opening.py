"""Which client is for which kind of source. Each is imported when the first of its kind is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wharfinger.credentials.sources import Asked, Client
    from wharfinger.rules.models.sources import DeclaredSource


def client(name: str, declared: DeclaredSource, asked: Asked) -> Client:
    """A client for the source; `asked` is where what signs in is fetched from."""
    match declared.kind:
        case "vault":
            from wharfinger.credentials.stores.vault import Vault  # noqa: PLC0415

            return Vault(name, declared, asked)
        case "aws_secrets":
            from wharfinger.credentials.stores.aws import AwsSecrets  # noqa: PLC0415

            return AwsSecrets(name, declared, asked)
        case "aws_parameters":
            from wharfinger.credentials.stores.aws import AwsParameters  # noqa: PLC0415

            return AwsParameters(name, declared, asked)
        case "google_secrets":
            from wharfinger.credentials.stores.google import GoogleSecrets  # noqa: PLC0415

            return GoogleSecrets(name, declared, asked)
        case "azure_vault":
            from wharfinger.credentials.stores.azure import AzureVault  # noqa: PLC0415

            return AzureVault(name, declared, asked)
