"""What conditions ask of addresses: `domain(text)`, `email(text)` and `cidr(text, network)`.

Hosts are read by `spelling.host`, which takes one spelling of each and guesses at nothing; what it refuses
is an error here, so that an odd spelling of an address cannot pass for a name that is no address.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

from wharfinger.rules.requests import spelling
from wharfinger.rules.requests.refusal import Refused

MAX_TEXT: Final = 8 * 1024
"""Characters of a URL; a longer text is an error."""
MAX_ADDRESS: Final = 254
"""Characters of an e-mail address (RFC 5321 4.5.3.1.3, without the brackets)."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)(?:[/?#].*)?", re.ASCII)
_STRANGE = re.compile(r"[^!-~]|\\")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NoAddress(ValueError):
    """A text that cannot be read as what it should be. The message does not repeat it."""


def domain(text: str) -> str:
    """The host that a URL, an e-mail address or a host name is about, in lower case, names as A-labels.

    Raises `NoAddress` if there is none, or if it can be read in two ways: with user information in the URL,
    a backslash, a space or anything that is not ASCII.
    """
    if len(text) > MAX_TEXT or _STRANGE.search(text):
        raise NoAddress("no address")
    url = _URL.fullmatch(text)
    if url is None and "@" in text:
        if not email(text):
            raise NoAddress("no e-mail address")
        return _host(text.rpartition("@")[2])
    authority = text if url is None else url[1]
    try:
        return spelling.authority(authority, default_port=0)[0]
    except Refused:
        raise NoAddress("no host") from None


def email(text: str) -> bool:
    """Whether a text is one plain e-mail address: `local@host`, without a name, brackets, quotes or spaces.

    RFC 5322 3.4.1's `addr-spec` with a dot-atom on the left and a host name with a dot in it on the right.
    """
    local, _, name = text.rpartition("@")
    if len(text) > MAX_ADDRESS or len(local) > 64 or not _LOCAL.fullmatch(local) or "." not in name:
        return False
    try:
        return not _is_address(_host(name)) and not name.endswith(".")
    except NoAddress:
        return False


def inside(text: str, networks: tuple[Network, ...]) -> bool:
    """Whether a text is an IP address in one of the networks; a plain host name is in none.

    IPv6 may stand in brackets. Raises `NoAddress` for what is neither, and for other spellings of addresses.
    """
    if len(text) > MAX_TEXT:
        raise NoAddress("no address")
    name = _host(f"[{text}]" if ":" in text and not text.startswith("[") else text)
    if not _is_address(name):
        return False
    address = ipaddress.ip_address(name.strip("[]"))
    return any(address in network for network in networks if network.version == address.version)


@lru_cache(maxsize=1024)
def network(text: str) -> Network:
    """Read a network like `10.0.0.0/8` or `fd00::/8`. Raises `ValueError`, saying what to write."""
    if "/" in text:
        try:
            return ipaddress.ip_network(text)
        except ValueError:
            pass
    raise ValueError(f'"{text}" is no network; write it like "10.0.0.0/8", with zeros after the prefix')


def _host(text: str) -> str:
    try:
        return spelling.host(text)
    except Refused:
        raise NoAddress("no host") from None


def _is_address(name: str) -> bool:
    return name.startswith("[") or name.rpartition(".")[2].isdecimal()
