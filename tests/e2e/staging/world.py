"""The APIs with the keys that they know, and the configuration that a user would write for them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wharfinger.demo import certificates

from . import apis
from .standins import StandIn

AGENT, APPROVER = "bot", "bob"

SETTINGS = """\
version: 1
listen: 127.0.0.1:{listen}
console: 127.0.0.1:0
data: ./data
catalogue: [stripe, github, slack, openai, anthropic, git, pypi]
resolve: {resolve}
upstream: {{ca: {{"*": stand-in-ca.pem}}}}
approvals: {{hold: {hold}, expires: 5m, resume_within: 5m}}
"""

FILES = {
    "agents.yaml": "agents:\n  bot: {owner: alice, policies: [work]}\n  idle: {owner: alice, policies: []}\n",
    "people.yaml": "people:\n  alice: {role: admin}\n  bob: {role: approver}\nteams:\n  finance: [bob]\n",
    "tools/mirror.yaml": f"""\
api: mirror
base: https://{apis.MIRROR}
tools:
  - tool: mirror_bearer
    effect: read
    run:
      method: [GET, POST]
      url: "/${{how}}/bearer"
      encoding: any
      body: stream
      auth: {{secret: MIRROR_KEY}}
  - tool: mirror_basic
    run:
      method: GET
      url: "/${{how}}/basic"
      auth: {{secret: MIRROR_KEY, in: basic, format: "user:${{secret}}"}}
  - tool: mirror_header
    run:
      method: GET
      url: "/${{how}}/header"
      auth: {{secret: MIRROR_KEY, in: header, name: X-Mirror-Key, format: "${{secret}}"}}
  - tool: mirror_query
    run: {{method: GET, url: "/${{how}}/query", auth: {{secret: MIRROR_KEY, in: query, name: key}}}}
""",
    "policies/work.yaml": """\
policy: work
description: What the clients of these tests may do
allow:
  - tool: mirror_*
  - tool: stripe_get_payment_intent
  - tool: stripe_create_refund
    when: {max_amount: 5000}
  - tool: github_get_authenticated_user
  - tool: github_create_issue
  - tool: slack_post_message
    when: {channel: {in: ["#agents"]}}
  - tool: openai_create_chat_completion
  - tool: anthropic_create_message
  - tool: git_fetch
  - tool: git_push
    when: {refs: {all: {startswith: refs/heads/agent/}}, deletes: 0}
  - tool: pypi_list_files
    when: {require_reason: true}
  - tool: unmatched
    hosts: [docs.python.org]
    when: input.method == "GET"
ask:
  - tool: stripe_create_refund
    when: given("amount") && input.amount > 5000 && input.amount <= 50000
    approvers: [finance]
deny:
  - tool: stripe_create_refund
    when: given("amount") && input.amount > 50000
    because: refunds above 500.00 are made by finance
  - tool: github_delete_*
    because: agents delete nothing at GitHub
  - tool: git_push
    when: {repo: closed}
    because: this repository is closed to agents
  - tool: anthropic_create_message
    when: given("mcp_servers")
    because: remote MCP servers would be called past this proxy
tests:
  - {agent: bot, call: stripe_create_refund, input: {payment_intent: pi_1, amount: 5000}, expect: allow}
  - {agent: bot, call: stripe_create_refund, input: {payment_intent: pi_1, amount: 5001}, expect: ask}
  - {agent: bot, call: github_delete_repo, input: {owner: a, repo: b}, expect: deny}
""",
}

CREDENTIALS = {
    "STRIPE_API_KEY": ("env:STRIPE_API_KEY", "sk_live_", "sk_test_", [apis.STRIPE]),
    "GITHUB_TOKEN": ("file:secrets/github", "ghp_", "ghp_", [apis.GITHUB, apis.GIT, "uploads.github.com"]),
    "SLACK_BOT_TOKEN": ("exec:[/bin/cat, {folder}/secrets/slack]", "xoxb-", "xoxb-", [apis.SLACK]),
    "OPENAI_API_KEY": ("file:secrets/openai", "sk-", "sk-", [apis.OPENAI]),
    "MIRROR_KEY": ("file:secrets/mirror", "mk/+", "", [apis.MIRROR]),
    "ANTHROPIC_API_KEY": ("file:secrets/anthropic", "sk-ant-", "sk-ant-", [apis.ANTHROPIC]),
}
"""Source, how the real one and the placeholder begin, and the hosts; one of each kind of source."""


@dataclass
class World:
    """The APIs, with the real keys that they know."""

    root: Path
    ca: certificates.StandInCa
    keys: Mapping[str, str]
    hosts: dict[str, StandIn]

    @classmethod
    def open(cls, root: Path) -> World:
        keys = {name: begins + secrets.token_hex(20) for name, (_, begins, _, _) in CREDENTIALS.items()}
        ca = certificates.make(root, apis.HOSTS)
        (root / "git").mkdir()
        answers = {
            apis.STRIPE: apis.stripe(keys["STRIPE_API_KEY"]),
            apis.GITHUB: apis.github(keys["GITHUB_TOKEN"]),
            apis.SLACK: apis.slack(keys["SLACK_BOT_TOKEN"]),
            apis.OPENAI: apis.openai(keys["OPENAI_API_KEY"]),
            apis.ANTHROPIC: apis.anthropic(keys["ANTHROPIC_API_KEY"]),
            apis.GIT: apis.git(keys["GITHUB_TOKEN"], root / "git"),
            apis.PYPI: apis.page,
            apis.DOCS: apis.page,
            apis.MIRROR: apis.mirror,
        }
        hosts = {host: StandIn(host, ca.context(), answer) for host, answer in answers.items()}
        return cls(root, ca, keys, hosts)

    def close(self) -> None:
        for host in self.hosts.values():
            host.close()

    def configure(self, name: str, *, hold: str = "30s", listen: int = 0, **replaced: str) -> Path:
        """Write a configuration folder; `replaced` are whole files, `/` written as `__`."""
        folder = self.root / name
        (folder / "secrets").mkdir(parents=True, mode=0o700)
        for credential in CREDENTIALS:
            path = folder / "secrets" / credential.partition("_")[0].lower()
            path.touch(mode=0o600)
            path.write_text(self.keys[credential] + "\n")
        resolve = json.dumps({f"{host}:443": stand_in.address for host, stand_in in self.hosts.items()})
        rows = {
            name: {"from": source.format(folder=folder), "placeholder": placeholder, "hosts": hosts}
            for name, (source, _, placeholder, hosts) in CREDENTIALS.items()
        }
        files = {
            "wharfinger.yaml": SETTINGS.format(listen=listen, resolve=resolve, hold=hold),
            "credentials.yaml": json.dumps({"credentials": rows}),
            "stand-in-ca.pem": self.ca.root.read_text(),
            **FILES,
            **{f"{name.replace('__', '/')}.yaml": text for name, text in replaced.items()},
        }
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True, mode=0o700)
            (folder / path).write_text(text)
        return folder
