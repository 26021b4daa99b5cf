"""A configuration made of YAML, with requests, placeholders and decisions on it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.decide import decide
from wharfinger.rules.requests.placeholders import Owner, Placeholders
from wharfinger.rules.types import Decision, Facts, Origin, Request

NOON = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
STRIPE = "sk_test_Qm9vdHMgYW5kIGNhdHM0"
GITHUB = "ghp_7hJkLmNpQrStUvWxYz0123456789"
SEARCH = "search-aBcDeFgHiJkLmNoPqRsT01"
OTHERS = "sk_test_b3RoZXIgYWdlbnQncyBrZXk1"

TABLE = {
    STRIPE: Owner("bot", "STRIPE_API_KEY"),
    GITHUB: Owner("bot", "GITHUB_TOKEN"),
    SEARCH: Owner("bot", "SEARCH_KEY"),
    OTHERS: Owner("other", "STRIPE_API_KEY"),
}

FILES = {
    "wharfinger.yaml": "version: 1",
    "agents.yaml": """
        agents:
          bot: {owner: alice, policies: [main], environment: prod}
          other: {owner: alice, policies: [main]}
          idle: {owner: alice, policies: [main], status: suspended}
        """,
    "people.yaml": """
        people:
          alice: {email: alice@example.com, role: admin}
          bob: {email: bob@example.com}
          carol: {email: carol@example.com}
        teams:
          finance: [alice, bob]
          legal: [bob, carol]
          board: [carol]
        """,
    "credentials.yaml": """
        credentials:
          STRIPE_API_KEY: {from: "env:STRIPE_API_KEY", hosts: [api.stripe.com], env: [STRIPE_SECRET_KEY]}
          GITHUB_TOKEN: {from: "env:GITHUB_TOKEN", hosts: [api.github.com]}
          SEARCH_KEY: {from: "env:SEARCH_KEY", hosts: [search.example.com], kind: query}
        """,
    "tools/stripe.yaml": """
        api: stripe
        base: https://api.stripe.com
        auth: {secret: STRIPE_API_KEY}
        headers: {pass: [Stripe-Version], volatile: [Stripe-Version]}
        tools:
          - tool: refund
            input: {payment: string, amount: integer, note: {type: string, required: false}}
            run:
              method: POST
              url: /v1/refunds
              encoding: form
              body: {payment_intent: "${payment}", amount: "${amount}", note: "${note}"}
            reason: ${note}
            redact: ["$.customer.email"]
          - tool: get_refund
            run: {method: GET, url: "/v1/refunds/${id}"}
        """,
    "tools/github.yaml": """
        api: github
        base: https://api.github.com
        auth: {secret: GITHUB_TOKEN, format: "token ${secret}"}
        tools:
          - tool: get_repo
            run: {method: GET, url: "/repos/${owner}/${repo}"}
          - tool: get_any
            run: {method: GET, url: "/${path...}"}
          - tool: get_status
            run: {method: GET, url: /status, auth: {secret: GITHUB_TOKEN, optional: true}}
        """,
    "tools/plain.yaml": """
        base: https://plain.example.com
        tools:
          - tool: read_page
            run: {method: GET, url: "/pages/${page}"}
          - tool: sign_in
            run: {method: POST, url: /login, body: {name: "${name}"}, auth: own}
          - tool: store
            run: {method: PUT, url: "/store/${name}", encoding: any}
          - tool: upload
            run: {method: PUT, url: "/files/${name}", body: stream}
        """,
    "tools/own.yaml": """
        tool: own_stripe
        run: {method: GET, url: https://api.stripe.com/v1/account, auth: own}
        """,
    "policies/main.yaml": """
        policy: main
        allow: [{tool: "*"}]
        """,
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """A configuration and who asks."""

    configuration: Configuration
    facts: Facts = field(default_factory=lambda: Facts(Placeholders(TABLE), agent_id="agt_1"))

    def request(
        self,
        line: str,
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        body: bytes | None = b"",
        **changes: Any,
    ) -> Request:
        method, _, url = line.partition(" ")
        scheme, _, rest = url.partition("://")
        where, slash, target = rest.partition("/")
        host, _, port = where.partition(":")
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or [])
        request = Request(
            agent="bot",
            method=method,
            scheme=scheme,
            host=host,
            port=int(port or {"https": 443, "http": 80}[scheme]),
            target=slash + target or "/",
            headers=(("Host", where), *given),
            body=body,
        )
        return replace(request, **changes)

    def decide(
        self, line: str, *args: Any, explain: bool = False, now: datetime = NOON, **kw: Any
    ) -> Decision:
        return decide(self.configuration, self.request(line, *args, **kw), self.facts, now, explain=explain)

    def refund(self, amount: int = 100, key: str = STRIPE, **headers: str) -> Decision:
        """What Stripe's package sends, decided."""
        fields = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Stripe-Version": "2026-01-01",
            "Idempotency-Key": "k1",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        body = f"payment_intent=pi_1&amount={amount}".encode()
        return self.decide("POST https://api.stripe.com/v1/refunds", fields, body)

    def with_facts(self, **changes: Any) -> World:
        return replace(self, facts=replace(self.facts, **changes))

    def explaining(self) -> World:
        return self.with_facts(origin=Origin.EXPLAIN)


class Make:
    """Makes worlds: `make({"policies/main.yaml": …})` replaces files of the usual one."""

    def __call__(self, files: Mapping[str, str | None] | None = None) -> World:
        merged = {name: text for name, text in {**FILES, **(files or {})}.items() if text is not None}
        sources = Sources({name: textwrap.dedent(text).encode() for name, text in merged.items()}, {})
        return World(load(sources))

    def policy(self, text: str, **more: str) -> World:
        """The usual world with this policy, and others by name, for the agents."""
        agents = (
            f"agents:\n  bot: {{owner: alice, policies: [{', '.join(['main', *more])}], environment: prod}}\n"
        )
        policies = {
            f"policies/{name}.yaml": f"policy: {name}\n{textwrap.dedent(t)}" for name, t in more.items()
        }
        main = {"policies/main.yaml": f"policy: main\n{textwrap.dedent(text)}"}
        return self({"agents.yaml": agents, **main, **policies})


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture(scope="session")
def world(make: Make) -> World:
    """The usual configuration, with one policy that allows every tool."""
    return make()
