"""Documents that packages bring along: models of AWS in botocore, discovery documents in Google's client.

They are read as files. Neither package is imported; where it is not installed, a hint says how to get it.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Final

from wharfinger.importing.operations import ImportFault
from wharfinger.rules.documents.problems import did_you_mean

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.IGNORECASE)
_STABLE: Final = re.compile(r"v([0-9]+)", re.ASCII)


def aws(service: str) -> Path:
    """The newest model of a service in botocore. Raises `ImportFault`."""
    data = _package("botocore", "pip install botocore") / "data"
    found = sorted((data / _named(service)).glob("*/service-2.json*"))
    if not found:
        known = [one.name for one in data.iterdir() if one.is_dir()]
        raise ImportFault(f'botocore knows no service "{service}"', did_you_mean(service, known))
    return found[-1]


def discovery(name: str) -> Path:
    """The document of an API in google-api-python-client: `gmail`, or `gmail.v1`. Raises `ImportFault`."""
    package = _package("googleapiclient", "pip install google-api-python-client")
    held = {
        file.name.removesuffix(".json"): file for file in package.glob("discovery_cache/documents/*.json")
    }
    if name in held:
        return held[name]
    versions = [one for one in held if one.startswith(f"{_named(name)}.")]
    if not versions:
        known = {one.partition(".")[0] for one in held}
        raise ImportFault(f'there is no API "{name}"', did_you_mean(name, known))
    return held[max(versions, key=_age)]


def _age(name: str) -> tuple[int, str]:
    """Sorts last the highest version that is neither alpha nor beta."""
    found = _STABLE.fullmatch(name.partition(".")[2])
    return (int(found[1]) if found else -1), name


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ImportFault(f'"{name}" is not the name of an API')
    return name


def _package(name: str, remedy: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ImportFault(f"the package {name} is not installed", remedy)
    return Path(spec.origin).parent
