"""Runs in a sandbox's network namespace, from without: opens sockets there, and hands them over.

Executed by itself, with nothing but the standard library: `entering.py HANDLE NAMESPACE OWNER PORTS ANY`. It
enters the user namespace OWNER and the network namespace NAMESPACE, listens on each of PORTS on loopback, and
where ANY says so, has every address be its own and listens on all of them, for what would have gone out. No
packet leaves by that: there is no interface but loopback. It ends once the sockets are handed over through
HANDLE, before anything of the sandbox's runs, and it sees nothing of the sandbox's files.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

LOOPBACK, ANY = "127.0.0.1", "0.0.0.0"  # noqa: S104 - of a namespace that has no interface but loopback
WEB = (80, 443)
"""Ports that are listened on at any address…"""
NAMES = 53
"""… and the one at which names are asked for."""
_OWN = "/proc/self/ns/user"
_BACKLOG = 256
_IP_PKTINFO = 8
_NEW_ROUTE, _ERROR = 24, 2
"""RTM_NEWROUTE and NLMSG_ERROR (rtnetlink(7))."""
_REQUEST = 0x1 | 0x4 | 0x200 | 0x400
"""NLM_F_REQUEST, ACK, EXCL and CREATE."""
_EVERYTHING = struct.pack("=8BI", socket.AF_INET, 0, 0, 0, 255, 3, 254, 2, 0)
"""A route to all addresses, of the table and the type `local`, set by hand, of the scope of the host."""


def main(handle: int, namespace: int, owner: int, ports: tuple[int, ...], *, anywhere: bool) -> None:
    """Hand the sockets over: those of `ports`, and then those for anywhere, the one for names last."""
    if not os.path.samestat(os.fstat(owner), os.stat(_OWN)):  # noqa: PTH116 - no more than it needs is imported
        os.setns(owner, os.CLONE_NEWUSER)
    os.setns(namespace, os.CLONE_NEWNET)
    made = [_listening(LOOPBACK, port) for port in ports]
    if anywhere:
        take_all_addresses()
        made += [*(_listening(ANY, port) for port in WEB), _asked()]
    with socket.socket(fileno=handle) as outside:
        socket.send_fds(outside, [b"open"], [sock.fileno() for sock in made])


def take_all_addresses() -> None:
    """Have every IPv4 address be this namespace's own (what `ip route add local 0/0 dev lo` does)."""
    device = struct.pack("=HHI", 8, 4, socket.if_nametoindex("lo"))
    head = struct.pack("=IHHII", 16 + len(_EVERYTHING) + len(device), _NEW_ROUTE, _REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(head + _EVERYTHING + device)
        answer = kernel.recv(4096)
    kind, failed = struct.unpack_from("=4xH10xi", answer)
    if kind != _ERROR or failed:
        raise OSError(-failed, os.strerror(-failed))


def _listening(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen(_BACKLOG)
    return sock


def _asked() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)  # it must answer from the address that was asked
    sock.bind((ANY, NAMES))
    return sock


if __name__ == "__main__":
    of_apis = tuple(int(port) for port in sys.argv[4].split(",") if port)
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), of_apis, anywhere=sys.argv[5] == "any")
