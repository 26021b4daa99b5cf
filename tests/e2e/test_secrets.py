"""No real key is anywhere but at its API: not in files, logs, processes or answers of a live proxy."""

from __future__ import annotations

import base64
import sys

import pytest
from staging import apis, spotting
from staging.stage import Agent, Operator, Watch
from staging.world import World
from standins.unearthing import unearth

READ = """\
import os, sys, httpx2
how, where = sys.argv[1:]
key = os.environ["MIRROR_KEY"]
given = {
    "bearer": {"headers": {"Authorization": f"Bearer {key}"}},
    "basic": {"auth": ("user", key)},
    "header": {"headers": {"X-Mirror-Key": key}},
    "query": {"params": {"key": key}},
}[where]
answer = httpx2.get(f"https://mirror.example.com/{how}/{where}", **given)
print(answer.status_code, answer.reason_phrase, answer.url, answer.headers.multi_items(), answer.text)
"""


@pytest.mark.parametrize("where", ["bearer", "basic", "header", "query"])
@pytest.mark.parametrize("how", ["plain", "packed", "pieces", "redirect"])
def test_an_api_that_tells_all_tells_the_agent_nothing(
    world: World, operator: Operator, agent: Agent, how: str, where: str
) -> None:
    """Wherever the key is put in and however it comes back, the agent sees its own placeholder instead."""
    watch = Watch(operator, apis.MIRROR)
    ran = agent.run(sys.executable, "-c", READ, how, where)
    assert ran.code == 0, ran.said
    (seen,) = watch.requests
    assert spotting.spot(
        world.keys, [("what was sent", str(seen).encode() + _opened(seen.header("authorization")))]
    )
    assert not spotting.spot(world.keys, [("what came back", ran.said.encode())])
    assert not unearth(ran.said.encode(), world.keys.values())
    assert agent.environment["MIRROR_KEY"] in ran.out


def _opened(authorization: str) -> bytes:
    """The login of a Basic authorization."""
    kind, _, value = authorization.partition(" ")
    return base64.b64decode(value) if kind == "Basic" else b""


MISUSE = """\
import os, httpx2
stripe, github = os.environ["STRIPE_API_KEY"], os.environ["GITHUB_TOKEN"]
for url, headers in (
    ("https://docs.python.org/3/", {"Authorization": f"Bearer {stripe}"}),
    ("https://docs.python.org/3/?q=" + stripe, {}),
    ("https://api.github.com/user", {"Authorization": f"Bearer {stripe}"}),
    ("https://api.github.com/user", {"Authorization": f"Bearer {github}", "User-Agent": github}),
    ("https://api.github.com/user", {"Authorization": "Bearer ghp_ofmyownmakingofmyownmaking"}),
    ("https://api.github.com/user", {}),
):
    answer = httpx2.get(url, headers=headers)
    print(answer.status_code, answer.json()["error"]["code"])
"""


def test_a_placeholder_opens_one_lock(operator: Operator, agent: Agent) -> None:
    """Anywhere else it is refused, as is a key of the agent's own making, and no key at all."""
    docs, github = Watch(operator, apis.DOCS), Watch(operator, apis.GITHUB)
    ran = agent.run(sys.executable, "-c", MISUSE)
    assert ran.out.splitlines() == ["403 misuse"] * 5 + ["403 denied"], ran.said
    assert not docs.connected
    assert not github.connected
    assert docs.denied() == 6


def test_no_key_is_left_anywhere(world: World, operator: Operator, agent: Agent) -> None:
    """After allowed, refused and reflected calls: data folder, logs, ready file, processes, answers."""
    for how in ("plain", "packed"):
        for where in ("bearer", "query"):
            agent.run(sys.executable, "-c", READ, how, where)
    agent.run(sys.executable, "-c", MISUSE)
    operator.run("audit", "verify")
    operator.mark()
    assert operator.up is not None
    roots = (operator.data, operator.logs, operator.home, agent.home)
    places = [
        *spotting.files(*roots),
        *spotting.processes(operator.up.pid),
        ("what the agent heard", "\n".join(agent.heard).encode()),
        ("what the audit commands show", operator.run("audit", "tail", "-n", "500").out.encode()),
    ]
    assert len(places) > 10
    assert spotting.spot(world.keys, places) == []
    assert spotting.spot({"placeholder": agent.environment["MIRROR_KEY"]}, places), (
        "looked in the right places"
    )


def test_the_spotter_spots(world: World) -> None:
    secret = world.keys["MIRROR_KEY"]
    for lead in ("", "u:", "user:"):
        login = base64.b64encode(f"{lead}{secret}!".encode())
        assert spotting.spot(world.keys, [("login", b"Basic " + login)]) == ["MIRROR_KEY in login"]
    assert spotting.spot(world.keys, [("nothing", b"-" * 100)]) == []
