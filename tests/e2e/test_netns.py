"""`scripts/netns`: a namespace reaches the proxy's port and nothing else, nor another namespace."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from staging.stage import Operator
from staging.world import SETTINGS, World
from wharfinger.isolation.namespaces import opened
from wharfinger.isolation.view import CannotIsolate

SCRIPTS = Path(__file__).parents[2] / "scripts" / "netns"
ONE, TWO = "wftest1", "wftest2"
HOST, PORT = "10.200.0.1", 18080
TRY = """
import socket, sys
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
with socket.socket(socket.AF_INET, kind) as sock:
    sock.settimeout(2)
    if len(sys.argv) > 4:
        sock.bind((sys.argv[4], 0))
    sock.connect((sys.argv[2], int(sys.argv[3])))
    sock.send(b"x")
    print(sock.recv(1).decode())
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("nft") is None or shutil.which("ip") is None,
    reason="needs root, iproute2 and nftables",
)


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / name, *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def reached(kind: str, host: str, port: int, *source: str, name: str = ONE) -> bool:
    command = ["ip", "netns", "exec", name, sys.executable, "-I", "-c", TRY, kind, host, str(port), *source]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout == "y\n"


@contextlib.contextmanager
def answering(host: str, port: int) -> Iterator[None]:
    """A server that answers each connection with one letter."""
    server = socket.create_server((host, port))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"y")
                connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)  # wakes accept(2), which keeps a closed socket
        thread.join()
        server.close()


@pytest.fixture(scope="module")
def namespaces() -> Iterator[dict[str, str]]:
    """Two of them, with their addresses; they are one for the machine, so for one test process at a time."""
    found = {}
    with (Path(tempfile.gettempdir()) / "wharfinger-test-netns.lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        try:
            for name in (ONE, TWO):
                made = script("up", name, str(PORT))
                assert made.returncode == 0, made.stderr
                found[name] = made.stdout.split()[1].rstrip(",")
            yield found
        finally:
            for name in (ONE, TWO):
                script("down", name)


def test_it_reaches_the_proxy_and_nothing_else(namespaces: dict[str, str]) -> None:
    with answering(HOST, PORT), answering(HOST, PORT + 1), answering("0.0.0.0", PORT + 2):
        assert reached("tcp", HOST, PORT)
        assert not reached("tcp", HOST, PORT + 1)
        assert not reached("tcp", HOST, PORT + 2)
        assert not reached("tcp", "192.0.2.1", 443)
        assert not reached("udp", HOST, PORT)
        with socket.create_connection((HOST, PORT + 2), 2) as control:
            assert control.recv(1) == b"y"


def test_one_does_not_reach_another(namespaces: dict[str, str]) -> None:
    assert not reached("tcp", namespaces[TWO], PORT)


def test_one_cannot_take_anothers_address(namespaces: dict[str, str]) -> None:
    taken = ["ip", "-n", ONE, "addr", "add", f"{namespaces[TWO]}/32", "dev", "eth0"]
    subprocess.run(taken, check=True)
    with answering(HOST, PORT):
        assert reached("tcp", HOST, PORT, namespaces[ONE])
        assert not reached("tcp", HOST, PORT, namespaces[TWO])


def test_an_agent_works_in_it_as_another_user(world: World, namespaces: dict[str, str]) -> None:
    """By the proxy, with its certificates and its placeholders; without the proxy not at all."""
    settings = SETTINGS.replace("127.0.0.1:{listen}", f"{HOST}:{PORT}").format(
        resolve=json.dumps({f"{host}:443": one.address for host, one in world.hosts.items()}), hold="30s"
    )
    operator = Operator.at(world, world.configure("netns", wharfinger=settings))
    operator.people()
    operator.start()
    try:
        fetch = "curl -sS -o /dev/null -w '%{http_code} ' https://docs.python.org/3/; id -u; "
        fetch += "echo $STRIPE_API_KEY"
        ran = script("run", ONE, "daemon", "bot", str(operator.folder), "--", "sh", "-c", fetch)
        code, user, key = ran.stdout.split()
        assert (code, user) == ("200", str(pwd.getpwnam("daemon").pw_uid)), ran.stderr
        assert key.startswith("sk_test_")
        past = "curl -sS --noproxy '*' -m 2 http://192.0.2.1/"
        assert (
            script("run", ONE, "daemon", "bot", str(operator.folder), "--", "sh", "-c", past).returncode != 0
        )
        _works_in_a_sandbox_there(operator, past)
    finally:
        operator.stop()


def _works_in_a_sandbox_there(operator: Operator, past: str) -> None:
    """By `run --isolate=netns:NAME`: by the proxy alone, and with nothing of ours to be seen."""
    there = ("run", "--agent", "bot", "--as", "alice", f"--isolate=netns:{ONE}", "--")
    fetch = "curl -sS -o /dev/null -w '%{http_code}\n' https://docs.python.org/3/; echo $STRIPE_API_KEY; "
    fetch += f"cat {operator.folder}/agents.yaml; ls -A {operator.home}; grep CapEff /proc/self/status"
    mark = operator.mark()
    ran = operator.run(*there, "sh", "-c", fetch)
    code, key, work, _, capabilities = ran.out.split()
    assert (code, work, int(capabilities, 16)) == ("200", "work", 0), ran.said
    assert key.startswith("sk_test_")
    assert "No such file" in ran.err
    assert f'the network namespace "{ONE}"' in ran.err
    operator.mark()
    (event,) = [row for row in operator.events(mark) if row["kind"] == "intent"]
    assert (event["confinement"], event["identified_by"]) == ("none", "run token")
    assert operator.run(*there, "sh", "-c", past, expect=None).code != 0
    assert operator.run(*there, "sh", "-c", "exit 7", expect=None).code == 7


@pytest.mark.timeout(300)
def test_where_its_address_says_who_it_is_no_token_is_needed_and_no_other_agent_speaks(
    world: World, namespaces: dict[str, str]
) -> None:
    settings = SETTINGS.replace("127.0.0.1:{listen}", f"{HOST}:{PORT}").format(
        resolve=json.dumps({f"{host}:443": one.address for host, one in world.hosts.items()}), hold="30s"
    )
    agents = f"""
agents:
  bot: {{owner: alice, policies: [work], environment: prod, from: {{cidr: {namespaces[ONE]}/32}}}}
  idle: {{owner: alice}}
  twin: {{owner: alice, policies: [work]}}
"""
    operator = Operator.at(world, world.configure("netns-from", wharfinger=settings, agents=agents))
    operator.people()
    operator.start()
    fetch = (
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{http_connect}",
        "https://docs.python.org/3/",
    )

    def asked(name: str, agent: str, *more: str) -> str:
        return script("run", name, "daemon", agent, str(operator.folder), "--", *fetch, *more).stdout

    try:
        ran = operator.run("env", "--agent", "bot", "--format", "json")
        assert ran.json["HTTPS_PROXY"] == f"http://{HOST}:{PORT}"
        assert asked(ONE, "bot") == "200 200"
        (event,) = [row for row in operator.events() if row["kind"] == "intent"]
        assert (event["agent"], event["identified_by"]) == ("bot", "address")
        assert asked(TWO, "bot") == "000 407"  # nobody's address, and no token
        assert asked(TWO, "twin") == "200 200"  # a token, where no agent's network is
        assert asked(ONE, "twin") == "000 407"  # a token that disagrees with the address
        for name, wanted in ((ONE, "200 200"), (TWO, "000 407")):
            ran = operator.run("run", "--agent", "bot", f"--isolate=netns:{name}", "--", *fetch, expect=None)
            assert ran.out == wanted, ran.said
    finally:
        operator.stop()


def test_nothing_is_left(namespaces: dict[str, str]) -> None:
    for name in (ONE, TWO):
        assert script("down", name).returncode == 0
    left = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    rules = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    assert "wf-wftest" not in left
    assert HOST not in left
    assert "wharfinger" not in rules
    assert not Path(f"/etc/netns/{ONE}").exists()


def test_no_packet_gets_anywhere_but_to_the_proxy() -> None:
    """Sent as root from inside, by any protocol, with any source; counted where they would arrive."""
    assert _told_outside() == {"outwards": [], "to the other": 0}


def test_without_the_rules_packets_do_get_out() -> None:
    """So that none arriving shows something."""
    told = _told_outside("--open-wide")
    assert len(told["outwards"]) > 5
    assert told["to the other"] > 0


def _told_outside(*options: str) -> Any:
    attack = Path(__file__).parent / "clients" / "outside_netns.py"
    apart = ["unshare", "--net", "--mount", "--propagation", "private"]
    ran = subprocess.run(
        [*apart, sys.executable, str(attack), str(SCRIPTS), *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("asked", ["nothing-of-the-kind", "wf-a-file"])
def test_run_enters_no_namespace_that_is_none(asked: str) -> None:
    path = Path("/run/netns/wf-a-file")
    path.parent.mkdir(exist_ok=True)
    path.touch()
    try:
        with pytest.raises(CannotIsolate) as raised:
            opened(asked)
    finally:
        path.unlink()
    assert asked in raised.value.message


def test_an_ordinary_user_enters_none() -> None:
    os.seteuid(pwd.getpwnam("daemon").pw_uid)
    try:
        with pytest.raises(CannotIsolate) as raised:
            opened("agent-1")
    finally:
        os.seteuid(0)
    assert "only root" in raised.value.message


@pytest.mark.parametrize("arguments", [(), ("../x",), ("a" * 20,), ("ok", "port")])
def test_up_refuses_what_it_cannot_use(arguments: tuple[str, ...]) -> None:
    assert script("up", *arguments).returncode != 0
