"""Doors to one API, and connections led to the proxy: what clients do that know of no proxy, in processes.

In a sandbox, as root and as an ordinary user: only what names a host by TLS or by `Host` goes anywhere, by
the rules, and the address that it was meant for means nothing.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from staging import apis
from staging.ground import Nested
from staging.stage import Agent, Operator, Watch
from staging.world import SETTINGS, World

sandboxed = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be an ordinary user as well"),
]
BARE = "env -u HTTPS_PROXY -u HTTP_PROXY -u https_proxy -u http_proxy"
"""A client that is told of no proxy."""
CODE = "-sS -o /dev/null -w '%{http_code}\\n' -m 20"
SDK = """
import openai
client = openai.OpenAI(max_retries=0)
made = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
print(made.choices[0].message.content)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def settings(world: World, port: int, api: str) -> str:
    resolve = {f"{host}:443": one.address for host, one in world.hosts.items()}
    resolve[f"{apis.DOCS}:80"] = world.hosts[apis.DOCS].address  # which speaks TLS, and so answers nothing
    text = SETTINGS.format(resolve=json.dumps(resolve), hold="30s", listen=0)
    return f"{text}doors: [{{listen: 127.0.0.1:{port}, to: https://{api}}}]\n"


@pytest.fixture(scope="module")
def behind(world: World) -> Iterator[tuple[Operator, int]]:
    """A running proxy with a door to OpenAI."""
    port = free_port()
    operator = Operator.at(world, world.configure("doors", wharfinger=settings(world, port, apis.OPENAI)))
    operator.people()
    operator.start()
    yield operator, port
    operator.stop()


def test_the_vendors_own_client_goes_by_the_door_of_its_api(
    world: World, behind: tuple[Operator, int]
) -> None:
    """It gets no proxy and no certificate: nothing but the URL, and a placeholder."""
    operator, port = behind
    watch = Watch(operator, apis.OPENAI)
    agent = Agent.of(operator)
    assert agent.environment["OPENAI_BASE_URL"].startswith(f"http://127.0.0.1:{port}/wharfinger-agent/bot/")
    assert agent.environment["OPENAI_BASE_URL"].endswith("/v1")
    kept = {"PATH", "HOME", "OPENAI_BASE_URL", "OPENAI_API_KEY"}
    alone = Agent({name: agent.environment[name] for name in kept}, agent.home, agent.heard)
    ran = alone.run(sys.executable, "-c", SDK)
    assert ran.code == 0, ran.said
    (seen,) = watch.requests
    assert seen.header("host") == apis.OPENAI
    assert seen.header("authorization") == f"Bearer {world.keys['OPENAI_API_KEY']}"
    assert world.keys["OPENAI_API_KEY"] not in ran.said
    assert watch.kinds("intent", "outcome") == ["intent", "outcome"]


def test_leading_is_for_a_sandbox_of_its_own(behind: tuple[Operator, int]) -> None:
    given = ("--agent", "bot", "--as", "alice", "--transparent", "--no-isolate", "--", "true")
    assert "network of its own" in behind[0].run("run", *given, expect=125).err


@pytest.fixture(scope="class", params=["root", "ordinary"])
def nested(world: World, request: pytest.FixtureRequest) -> Iterator[tuple[Nested, int]]:
    """The same for runs in a sandbox, as either user."""
    root, port = Path(tempfile.mkdtemp(prefix="wf-entrances-")), free_port()
    root.chmod(0o755)
    opened = Nested.open(world, root, ordinary=request.param == "ordinary")
    configuration = opened.folder / "wharfinger.yaml"
    configuration.write_text(settings(world, port, apis.OPENAI))
    try:
        opened.people()
        opened.start()
        yield opened, port
    finally:
        opened.stop()
        shutil.rmtree(root, ignore_errors=True)


INSIDE: Mapping[str, tuple[str, str]] = {
    # What is run, and what it says.
    "a client that knows of no proxy": (f"{BARE} curl {CODE} https://docs.python.org/3/", "200"),
    "a denied host": (f"{BARE} curl {CODE} https://paste.example.com/?data=x", "403"),
    "an address of somewhere else": (
        f"{BARE} curl {CODE} --resolve docs.python.org:443:203.0.113.7 https://docs.python.org/3/", "200",
    ),
    "the name of one, the Host of another": (
        f"{BARE} curl {CODE} -H 'Host: docs.python.org' https://paste.example.com/", "400",
    ),
    "a host with a key, by another name": (
        f"{BARE} curl {CODE} -H 'Host: api.openai.com' -H \"Authorization: Bearer $OPENAI_API_KEY\" "
        "https://docs.python.org/3/", "400",
    ),
    "no name": (f"{BARE} curl {CODE} -k https://192.0.2.7/ 2>/dev/null", "000"),
    "a metadata address": (f"{BARE} curl {CODE} http://169.254.169.254/latest/", "403"),
    "a metadata address by a name": (
        f"{BARE} curl {CODE} --resolve docs.python.org:80:169.254.169.254 http://docs.python.org/", "502",
    ),
    "the proxy's own loopback": (f"{BARE} curl {CODE} http://127.0.0.1/", "403"),
    "another port": (f"{BARE} curl {CODE} https://docs.python.org:8443/ 2>/dev/null", "000"),
    "no TLS": (f"{BARE} curl {CODE} http://docs.python.org/3/", "502"),
    "the port of TLS without it": (f"{BARE} curl {CODE} http://docs.python.org:443/3/", "403"),
    "as to a proxy": (f"curl {CODE} -x http://192.0.2.1:80 https://docs.python.org/3/ 2>/dev/null", "000"),
    "a name, by any server of names": (
        "python3 -c 'import socket; print(socket.gethostbyname(\"what.ever.example\"))'", "192.0.2.1",
    ),
    "capabilities": ("grep ^Cap /proc/self/status | cut -f2 | sort -u", "0000000000000000"),
    "the proxy itself": (f"curl {CODE} https://docs.python.org/3/", "200"),
    "the door of an API": (f"{BARE} curl {CODE} -H \"Authorization: Bearer $OPENAI_API_KEY\" "
        "-H 'Content-Type: application/json' "
        "-d '{\"model\": \"m\", \"messages\": []}' $OPENAI_BASE_URL/chat/completions", "200"),
}  # fmt: skip


class TestInASandbox:
    pytestmark = sandboxed

    def test_what_leads_where(self, nested: tuple[Nested, int]) -> None:
        operator, port = nested
        mark, watch = operator.mark(), Watch(operator, apis.DOCS)
        script = "\n".join(f"printf '%s\\t' {shlex.quote(name)}; {run}" for name, (run, _) in INSIDE.items())
        ran = operator.isolated("sh", "-c", f"{script}\necho $OPENAI_BASE_URL", arguments=("--transparent",))
        *lines, base = ran.out.splitlines()
        assert dict(line.split("\t") for line in lines) == {name: said for name, (_, said) in INSIDE.items()}
        assert base == f"http://127.0.0.1:{port}/v1"
        operator.mark()
        assert [seen.header("host") for seen in watch.requests] == [apis.DOCS] * 3
        sent = [event for event in operator.events(mark) if event["kind"] == "intent"]
        assert len(sent) == 6
        assert {(event["identified_by"], event["confinement"]) for event in sent} == {("socket", "isolated")}

    def test_without_being_asked_nothing_is_led_anywhere(self, nested: tuple[Nested, int]) -> None:
        operator, _ = nested
        probe = f"{BARE} curl {CODE} --resolve docs.python.org:443:203.0.113.7 https://docs.python.org/3/"
        ran = operator.isolated("sh", "-c", f"{probe}; cat /proc/net/route | wc -l")
        assert ran.out.split() == ["000", "1"], ran.said
