"""The mock name server: UDP on port 53, a record of its own, and answers that change where they are meant to.

Run as `python -m bypassing.names RECORD`. Knows the hosts of `world` and nothing else. Names of `SHIFTY`:

- mixed, mixed6: a public address, and a private one beside it
- later: a public address to the first who asks, then a private one
- alternate: the one and the other in turn
- cname: an alias of a name whose address is private
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections import Counter

from bypassing.record import Recorder
from bypassing.world import ADDRESSES, API, EVIL, INTERNAL, MUTE, SHIFTY

SERVER = ("127.0.0.53", 53)
A, CNAME, AAAA = 1, 5, 28
_PUBLIC = ADDRESSES[API]


class Zone:
    """What is answered to whom."""

    def __init__(self) -> None:
        self._asked: Counter[tuple[str, int]] = Counter()

    def answers(self, name: str, kind: int) -> list[tuple[int, bytes]] | None:
        """Records, each with its kind; None for a name that is not known."""
        name = name.lower()
        if name.endswith(f".{EVIL}"):
            name = EVIL
        if name in ADDRESSES:
            return self._addresses([ADDRESSES[name]], kind)
        if name in INTERNAL:
            return self._addresses([INTERNAL[name]], kind)
        if name in SHIFTY:
            self._asked[name, kind] += 1
            return self._shifty(SHIFTY[name], kind, self._asked[name, kind])
        return None

    def _shifty(self, how: str, kind: int, time: int) -> list[tuple[int, bytes]]:
        match how:
            case "mixed":
                return self._addresses([_PUBLIC, "10.0.0.5"], kind)
            case "mixed6":
                return self._addresses([_PUBLIC, "fd00:ec2::254"], kind)
            case "cname":
                alias = b"\x08internal\x04corp\x07example\x00"
                return [(CNAME, alias), *self._addresses(["169.254.169.254"], kind)]
            case "later":
                return self._addresses([_PUBLIC if time == 1 else "127.0.0.1"], kind)
        return self._addresses([_PUBLIC if time % 2 else "10.0.0.5"], kind)

    @staticmethod
    def _addresses(texts: list[str], kind: int) -> list[tuple[int, bytes]]:
        version = {A: 4, AAAA: 6}.get(kind)
        found = map(ipaddress.ip_address, texts)
        return [(kind, address.packed) for address in found if address.version == version]


def answered(zone: Zone, query: bytes) -> tuple[str, int, bytes]:
    """The name and kind that were asked for, and the answer."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    question = query[12 : at + 5]
    (kind,) = struct.unpack(">H", query[at + 1 : at + 3])
    name = ".".join(labels)
    records = zone.answers(name, kind)
    flags = 0x8580 if records is not None else 0x8583
    head = query[:2] + struct.pack(">HHHHH", flags, 1, len(records or ()), 0, 0)
    owner, body = b"\xc0\x0c", b""
    for number, data in records or ():
        body += owner + struct.pack(">HHIH", number, 1, 0, len(data)) + data
        if number == CNAME:
            owner = data
    return name, kind, head + question + body


def main(path: str) -> None:
    """Serve until killed."""
    recorder, zone = Recorder(path), Zone()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(SERVER)
        print("ready", flush=True)
        while True:
            query, peer = server.recvfrom(4096)
            name, kind, answer = answered(zone, query)
            recorder.write(what="query", name=name, kind=kind)
            if name.lower() == MUTE:
                continue
            server.sendto(answer, peer)


if __name__ == "__main__":
    main(sys.argv[1])
