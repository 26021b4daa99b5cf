"""Where an API is: the base URLs of a tool file, from what an OpenAPI document says of servers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from wharfinger.importing.operations import ImportFault, Options

_VARIABLE: Final = re.compile(r"\{([^{}/]+)\}")
_NAME: Final = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the API's paths begin."""

    base: tuple[str, ...]
    parameters: Mapping[str, str]
    """What the catalogue's user must give, in words by name."""
    notes: tuple[str, ...] = ()


def place(document: Mapping[str, Any], options: Options) -> Place:
    """The base URLs of a document. Raises `ImportFault` where it names none."""
    if options.base:
        return Place(tuple(base.rstrip("/") for base in options.base), _named(options.base))
    urls = [_swagger(document)] if "swagger" in document else _servers(document, options)
    whole = list(dict.fromkeys(url for url in urls if re.match(r"https?://[^/]+", url)))
    secure = [url for url in whole if url.startswith("https://")] or whole
    if not secure:
        raise ImportFault("the document does not say at which URL the API is", "say it: --base https://…")
    alike = [url for url in secure if urlsplit(url).path == urlsplit(secure[0]).path]
    left = len(whole) - len(alike)
    notes = (f"{left} more servers of the document are left out",) if left else ()
    return Place(tuple(alike), _named(alike), notes)


def _named(urls: Any) -> dict[str, str]:
    """The parameters in base URLs, each with the words for it."""
    found = dict.fromkeys(name for url in urls for name in re.findall(r"\$\{param\.([A-Za-z0-9_]+)\}", url))
    return {name: f"the {name.replace('_', ' ')} in the host" for name in found}


def _servers(document: Mapping[str, Any], options: Options) -> list[str]:
    servers = document.get("servers")
    return [
        _filled(server, options)
        for server in (servers if isinstance(servers, list) else [])
        if isinstance(server, Mapping) and isinstance(server.get("url"), str)
    ]


def _filled(server: Mapping[str, Any], options: Options) -> str:
    """The URL with its variables filled in: parameters of the file in the host, if wanted, else defaults."""
    declared = server.get("variables")
    variables = declared if isinstance(declared, Mapping) else {}
    url = str(server["url"])
    host_ends = url.find("/", url.find("//") + 2)

    def value(found: re.Match[str]) -> str:
        in_host = host_ends < 0 or found.start() < host_ends
        about = variables.get(found[1])
        default = str(about.get("default", "")) if isinstance(about, Mapping) else ""
        if options.parameters and in_host:
            return f"${{param.{_NAME.sub('_', found[1])}}}"
        return default or found[0]

    filled = _VARIABLE.sub(value, url).rstrip("/")
    return filled if "{" not in filled.replace("${", "") else ""


def _swagger(document: Mapping[str, Any]) -> str:
    host = document.get("host")
    if not isinstance(host, str) or not host:
        return ""
    schemes = document.get("schemes")
    scheme = "http" if schemes == ["http"] else "https"
    path = document.get("basePath")
    return f"{scheme}://{host}{str(path).rstrip('/') if isinstance(path, str) else ''}"


def elsewhere(node: Mapping[str, Any], options: Options) -> str:
    """The one URL that an operation or path names in place of the API's, if it does."""
    urls = [url for url in _servers(node, options) if url.startswith("https://")]
    return urls[0].rstrip("/") if urls else ""
