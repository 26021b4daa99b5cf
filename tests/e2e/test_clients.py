"""The vendors' own packages, unmodified, through the running proxy: an allowed call, and a refused one."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from staging import apis
from staging.stage import Agent, Operator, Ran, Watch
from staging.world import World


@dataclass(frozen=True)
class Case:
    """What a client does: see its program in clients/."""

    client: str
    host: str
    credential: str
    error: str
    """The package's own exception for the refused call."""
    said: str
    """Part of what the exception shows: our reason."""
    answer: Any
    """What the allowed calls came to."""
    sent: tuple[str, ...]
    """What the API received, and nothing else."""


REFUND = "Refunds above 500.00 are made by finance"
DELETE = "Agents delete nothing at GitHub"
MCP = "Remote MCP servers would be called past this proxy"
MODEL = ["Refunds take ten days.", *apis.WORDS]
PLAIN = {
    "host": apis.GITHUB, "credential": "GITHUB_TOKEN", "error": "PermissionError", "said": DELETE,
    "answer": "acme-bot", "sent": ("GET /user",),
}  # fmt: skip

CASES = (
    Case(
        "stripe", apis.STRIPE, "STRIPE_API_KEY", "PermissionError", REFUND, "re_1500", ("POST /v1/refunds",)
    ),
    Case(
        "github", apis.GITHUB, "GITHUB_TOKEN", "GithubException", DELETE, 42,
        ("POST /repos/acme/shop/issues",),
    ),
    Case(
        "openai", apis.OPENAI, "OPENAI_API_KEY", "PermissionDeniedError", "No rule allows", MODEL,
        ("POST /v1/chat/completions",) * 2,
    ),
    Case(
        "anthropic", apis.ANTHROPIC, "ANTHROPIC_API_KEY", "PermissionDeniedError", MCP, MODEL,
        ("POST /v1/messages",) * 2,
    ),
    Case(
        "slack", apis.SLACK, "SLACK_BOT_TOKEN", "SlackApiError", "channel", "1.2",
        ("POST /api/chat.postMessage",),
    ),
    Case("requests", **PLAIN),
    Case("httpx", **PLAIN),
    Case("httpx2", **PLAIN),
    Case("aiohttp", **PLAIN),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.client)
def test_a_python_client(case: Case, world: World, operator: Operator, agent: Agent, clients: Path) -> None:
    """Refused: no connection, the package's own exception gives the reason, and it does not try again.
    Allowed: the API gets the real key and the client the right answer."""
    watch = Watch(operator, case.host)
    _judge(case, agent.python([clients / f"use_{case.client}.py"]), world, watch)


def _judge(case: Case, ran: Ran, world: World, watch: Watch) -> None:
    assert ran.code == 0, ran.said
    told = ran.json
    assert (told["error"], told["answer"]) == (case.error, case.answer)
    assert case.said in told["said"]
    assert not [at for at in watch.connected if at <= told["refused_at"]]
    assert tuple(f"{seen.method} {seen.path}" for seen in watch.requests) == case.sent
    for seen in watch.requests:
        held = (seen.header("authorization"), seen.header("x-api-key"))
        assert f"Bearer {world.keys[case.credential]}" in held or world.keys[case.credential] in held
        assert "wharfinger" not in str(seen.headers).lower()
    assert watch.kinds("denied", "intent") == ["denied", *("intent" for _ in case.sent)], "no second try"


def _node() -> str | None:
    """A Node whose fetch heeds the environment (22.21 or newer): in .venv/share/node, or on the path."""
    own = Path(__file__).parents[2] / ".venv/share/node/node_modules/.bin/node"
    for path in (str(own) if own.exists() else None, shutil.which("node")):
        if path is not None:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            version = tuple(map(int, re.findall(r"\d+", said)[:2]))
            if version >= (22, 21):
                return path
    return None


NODE = _node()


@pytest.mark.skipif(
    NODE is None, reason="needs Node 22.21 or newer: npm install --prefix .venv/share/node node@22"
)
def test_fetch_of_node(world: World, operator: Operator, agent: Agent, clients: Path) -> None:
    watch = Watch(operator, apis.GITHUB)
    ran = agent.run(str(NODE), str(clients / "use_fetch.mjs"))
    _judge(Case("fetch", **{**PLAIN, "error": "403"}), ran, world, watch)
