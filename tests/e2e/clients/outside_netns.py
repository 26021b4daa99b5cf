"""Two agents' namespaces in a machine of their own, with a way to the internet beside it: what gets there.

Run in network and mount namespaces of its own, as root: `outside_netns.py SCRIPTS`. It makes a wire that
leads outwards and forwards to it, has `SCRIPTS/up` make two namespaces, tries from inside of one of them,
as root there, to send whatever leads anywhere, and tells as JSON what arrived at the far end of the wire
and at the other agent, and that what may arrive did.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HOST, PORT = "10.200.0.1", 8080
ONE, TWO = "wfone", "wftwo"
CONTROL = b"from the machine itself"
ATTACK = """
import os, socket, subprocess, sys
def quietly(*command):
    subprocess.run(command, capture_output=True)
def send(family, kind, where, protocol=0, source=None, device=None):
    try:
        with socket.socket(family, kind, protocol) as sock:
            sock.settimeout(0.3)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if source:
                sock.bind((source, 0))
            sock.connect(where)
            sock.send(b"from an agent")
            return sock.recv(1) if kind == socket.SOCK_STREAM else b""
    except OSError:
        return b""
other, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
assert send(socket.AF_INET, socket.SOCK_STREAM, (host, port)) == b"y", "the proxy is not reached"
quietly("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.eth0.disable_ipv6=0")
quietly("ip", "route", "add", "default", "via", host, "dev", "eth0", "onlink")
quietly("ip", "addr", "add", "192.0.2.77/32", "dev", "eth0")
quietly("ip", "addr", "add", other + "/32", "dev", "eth0")
quietly("ip", "-6", "addr", "add", "2001:db8::77/64", "dev", "eth0", "nodad")
quietly("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0", "onlink")
quietly("ip", "-6", "neigh", "add", "fe80::1", "lladdr", "ff:ff:ff:ff:ff:ff", "dev", "eth0")
places = ["192.0.2.1", "8.8.8.8", "169.254.169.254", other, "255.255.255.255", "224.0.0.1", host]
for place in places:
    for source in (None, "192.0.2.77", other):
        for port in (53, 80, 443, 8081):
            send(socket.AF_INET, socket.SOCK_DGRAM, (place, port), source=source)
        send(socket.AF_INET, socket.SOCK_RAW, (place, 0), socket.IPPROTO_ICMP, source)
        send(socket.AF_INET, socket.SOCK_RAW, (place, 0), 47, source)
    for port in (80, 8081):
        send(socket.AF_INET, socket.SOCK_STREAM, (place, port))
for source in ("192.0.2.77", other):
    send(socket.AF_INET, socket.SOCK_STREAM, (host, int(sys.argv[3])), source=source)
for place in ("2001:db8::1", "2001:4860:4860::8888", "ff02::1%eth0"):
    send(socket.AF_INET6, socket.SOCK_DGRAM, (place, 53))
    send(socket.AF_INET6, socket.SOCK_STREAM, (place, 443))
print("done")
"""


def ran(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def wire() -> None:
    """A machine that forwards everything to whoever is at the far end of a wire."""
    Path("/run/netns").mkdir(exist_ok=True)
    for folder in ("/run/netns", "/etc/netns"):
        Path(folder).mkdir(exist_ok=True)
        ran("mount", "-t", "tmpfs", "none", folder)
    ran("ip", "link", "set", "lo", "up")
    ran("ip", "link", "add", "outside", "type", "veth", "peer", "name", "far")
    for device in ("outside", "far"):
        ran("ip", "link", "set", device, "up")
    ran("ip", "addr", "add", "192.0.2.2/24", "dev", "outside")
    ran("ip", "-6", "addr", "add", "2001:db8:0:1::2/64", "dev", "outside", "nodad")
    for family, gate in (("-4", "192.0.2.1"), ("-6", "2001:db8:0:1::1")):
        ran("ip", family, "neigh", "add", gate, "lladdr", "02:00:00:00:00:01", "dev", "outside")
        ran("ip", family, "route", "add", "default", "via", gate)
    ran("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for name in ("all", "default"):
        ran("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")


def answer(server: socket.socket) -> None:
    """Be the proxy: answer each connection with one letter."""
    while True:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"y")


def received(name: str) -> int:
    """How many packets came to an agent's device."""
    (told,) = json.loads(ran("ip", "-n", name, "-j", "-s", "link", "show", "eth0"))
    return int(told["stats64"]["rx"]["packets"])


def arrived(far: socket.socket) -> list[bytes]:
    """Every frame at the far end up to one that is the machine's own, which is sent at the end."""
    found: list[bytes] = []
    end = time.monotonic() + 30
    while time.monotonic() < end:
        frame = far.recv(2000)
        if CONTROL in frame:
            return found
        found.append(frame)
    raise TimeoutError("what the machine itself sends does not arrive")


def foreign(frame: bytes) -> bool:
    """Whether it is an IP packet, or a question for an address, that is not the machine's own."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        return socket.inet_ntoa(frame[26:30]) != "192.0.2.2"
    if kind == b"\x86\xdd":
        return not frame[22:38].startswith(
            (b"\xfe\x80", socket.inet_pton(socket.AF_INET6, "2001:db8:0:1::"), bytes(16))
        )
    return kind == b"\x08\x06" and socket.inet_ntoa(frame[28:32]) != "192.0.2.2"


def main(scripts: Path, *, open_wide: bool) -> None:
    """See the module's head; `open_wide` takes the rules away, to see that then something arrives."""
    wire()
    addresses = {
        name: ran(str(scripts / "up"), name, str(PORT)).split()[1].rstrip(",") for name in (ONE, TWO)
    }
    if open_wide:
        ran("nft", "delete", "table", "inet", "wharfinger")
    server = socket.create_server((HOST, PORT))
    threading.Thread(target=answer, args=(server,), daemon=True).start()
    far = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    far.bind(("far", 0))
    far.settimeout(30)
    before = received(TWO)
    ran("ip", "netns", "exec", ONE, sys.executable, "-I", "-c", ATTACK, addresses[TWO], HOST, str(PORT))
    to_the_other = received(TWO) - before
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.sendto(CONTROL, ("192.0.2.1", 9))
    outwards = [frame.hex() for frame in arrived(far) if foreign(frame)]
    print(json.dumps({"outwards": outwards, "to the other": to_the_other}), flush=True)
    os._exit(0)  # the namespaces go with this process; the thread waits for nothing


if __name__ == "__main__":
    main(Path(sys.argv[1]), open_wide="--open-wide" in sys.argv)
