"""The environment that puts a process behind the proxy: who goes out how, and trusts what.

From the table of clients in docs: what each one honours was found out by running it. Both cases of the
proxy variables are set, because curl reads only `http_proxy`, wget and gRPC only lower case; no `ALL_PROXY`,
which SOCKS tools misread. Link-local and metadata addresses are proxied, so that policy sees them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wharfinger.certs import bundle as bundles
from wharfinger.certs import files, hooks
from wharfinger.certs.authority import Authority

PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "grpc_proxy")
DIRECT = "localhost,127.0.0.1,::1"
"""What does not go through the proxy: servers that the agent's own tools start."""

BUNDLE_VARIABLES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT",
    "CARGO_HTTP_CAINFO", "npm_config_cafile", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "CODEX_CA_CERTIFICATE",
)  # fmt: skip
"""They name the only roots a client trusts, so they get public roots and our CA in one file."""

CA_VARIABLES = ("NODE_EXTRA_CA_CERTS", "DENO_CERT", "WHARFINGER_CA")
"""They add to what a client trusts, so they get our CA alone."""

UNSET = frozenset(
    {
        "ALL_PROXY", "all_proxy", "npm_config_proxy", "npm_config_https_proxy", "npm_config_noproxy",
        "NPM_CONFIG_PROXY", "NPM_CONFIG_HTTPS_PROXY", "NPM_CONFIG_NOPROXY", "NPM_CONFIG_CAFILE", "PIP_PROXY",
        "no_grpc_proxy", "GIT_PROXY_SSL_CAINFO", "SSLKEYLOGFILE", "GIT_CONFIG_PARAMETERS",
    }
)  # fmt: skip
"""Variables to take out of the process: they would lead round the proxy, or override what is set here."""


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """The files that the environment names; an agent must be able to read them, and not to write them."""

    bundle: Path
    """Public roots and our CA, PEM."""
    ca: Path
    """Our CA alone, PEM."""
    hooks: Path
    """The folder of `hooks.materialise`."""
    java: Path | None = None
    """The bundle as PKCS #12, for Java."""
    wgetrc: Path | None = None
    """Wget's start-up file, which names the bundle."""

    @classmethod
    def write(cls, folder: Path, authority: Authority, extra: tuple[Path, ...] = ()) -> ClientFiles:
        """Write all of them into `folder`, or what has changed; `extra` are roots of the operator's own.

        Raises `wharfinger.certs.errors.CertificateError`.
        """
        files.make_folder(folder)
        bundle, java, wgetrc = folder / "bundle.pem", folder / "bundle.p12", folder / "wgetrc"
        bundles.write(bundle, authority, extra)
        bundles.write_java(java, bundle)
        files.write_whole(wgetrc, f"ca_certificate = {bundle.absolute()}\n".encode(), files.PUBLIC)
        hooks.materialise(folder / "hooks")
        return cls(bundle, authority.certificate_file, folder / "hooks", java, wgetrc)


def client_environment(
    proxy_url: str,
    client: ClientFiles,
    existing: Mapping[str, str],
    git_credentials: Mapping[str, tuple[str, str]] | None = None,
) -> dict[str, str]:
    """The variables to set, over `existing`, for a process that is to go out through `proxy_url`.

    `proxy_url` carries the agent's credentials; `git_credentials` is from host to user and placeholder.
    What `existing` has in NODE_OPTIONS, PYTHONPATH, JAVA_TOOL_OPTIONS and GIT_CONFIG_* is kept. Take out
    the variables of `UNSET` as well.
    """
    variables = dict.fromkeys(PROXY_VARIABLES, proxy_url)
    variables |= dict.fromkeys(("NO_PROXY", "no_proxy"), DIRECT)
    variables |= dict.fromkeys(BUNDLE_VARIABLES, str(client.bundle.absolute()))
    variables |= dict.fromkeys(CA_VARIABLES, str(client.ca.absolute()))
    variables |= _node(client, existing)
    variables |= _python(client, existing)
    variables |= _java(client, existing, proxy_url)
    if client.wgetrc is not None and not existing.get("WGETRC"):
        variables["WGETRC"] = str(client.wgetrc.absolute())
    return variables | _git(existing, list(_git_settings(proxy_url, git_credentials or {})))


def _node(client: ClientFiles, existing: Mapping[str, str]) -> dict[str, str]:
    """NODE_USE_ENV_PROXY and not the option of the same name, which older Nodes refuse to start with."""
    path = str((client.hooks / hooks.PRELOAD).absolute()).replace("\\", "\\\\").replace('"', '\\"')
    return {
        "NODE_USE_ENV_PROXY": "1",
        "NODE_OPTIONS": _with(existing.get("NODE_OPTIONS", ""), f'--require="{path}"', " "),
    }


def _python(client: ClientFiles, existing: Mapping[str, str]) -> dict[str, str]:
    folder = str((client.hooks / hooks.PYTHON).absolute())
    others = [entry for entry in existing.get("PYTHONPATH", "").split(":") if entry and entry != folder]
    return {"PYTHONPATH": ":".join([folder, *others])}


def _java(client: ClientFiles, existing: Mapping[str, str], proxy_url: str) -> dict[str, str]:
    """Java sends no proxy credentials by itself: it is refused (407) rather than let past the proxy."""
    if client.java is None:
        return {}
    proxy = urlsplit(proxy_url)
    options = [
        *(f"-D{scheme}.proxyHost={proxy.hostname}" for scheme in ("http", "https")),
        *(f"-D{scheme}.proxyPort={proxy.port}" for scheme in ("http", "https")),
        f"-Dhttp.nonProxyHosts={'|'.join(DIRECT.split(','))}",
        f'"-Djavax.net.ssl.trustStore={client.java.absolute()}"',
        f"-Djavax.net.ssl.trustStorePassword={bundles.JAVA_PASSWORD.decode()}",
    ]
    return {"JAVA_TOOL_OPTIONS": _with(existing.get("JAVA_TOOL_OPTIONS", ""), " ".join(options), " ")}


def _git_settings(proxy_url: str, credentials: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Git by https through the proxy, with its placeholder sent at once rather than after a 401.

    And by HTTP/1.1: over HTTP/2, git 2.39 with curl 7.88 reads on for more of a pack that is at its end (curl
    asks it again), and waits for ever. One large push in about a hundred hung.
    """
    yield "http.proxy", proxy_url
    yield "http.proxyAuthMethod", "basic"
    yield "http.version", "HTTP/1.1"
    for host in {"github.com": None, **credentials}:
        for spelling in (f"git@{host}:", f"ssh://git@{host}/", f"git://{host}/"):
            yield f"url.https://{host}/.insteadOf", spelling
    for host, (user, placeholder) in credentials.items():
        login = base64.b64encode(f"{user}:{placeholder}".encode()).decode()
        yield f"http.https://{host}/.extraHeader", ""  # forget those of the user's configuration
        yield f"http.https://{host}/.extraHeader", f"Authorization: Basic {login}"
        yield f"credential.https://{host}.helper", ""


def _git(existing: Mapping[str, str], settings: list[tuple[str, str]]) -> dict[str, str]:
    """`settings` as GIT_CONFIG_*, after those that are there already (git-config(1))."""
    count = existing.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isascii() and count.isdigit() else 0
    variables = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings, first):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _with(text: str, addition: str, between: str) -> str:
    """`text` and `addition`, unless it holds that already (a run within a run)."""
    if addition in text:
        return text
    return f"{text}{between}{addition}" if text else addition
