"""The configuration that the demo runs on: what a user would write, with the stand-ins' addresses."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wharfinger.demo.apis import GITHUB, STRIPE

AGENT, APPROVER, ADMIN = "support-agent", "bob", "alice"

REFUND_RULES = """\
allow:
  - tool: stripe_get_*
  - tool: stripe_create_refund
    when: {max_amount: 5000}
ask:
  - tool: stripe_create_refund
    when: given("amount") && input.amount > 5000 && input.amount <= 50000
    approvers: [finance]
deny:
  - tool: stripe_create_refund
    when: given("amount") && input.amount > 50000
    because: refunds above 500.00 are made by finance, not by agents
"""
"""The rules that the demo shows."""

_FILES: Mapping[str, str] = {
    "wharfinger.yaml": f"""\
version: 1
listen: 127.0.0.1:0
console: 127.0.0.1:0
data: ./data
catalogue: [stripe, github]
resolve:
  "{STRIPE}:443": "@STRIPE@"
  "{GITHUB}:443": "@GITHUB@"
upstream:
  ca: {{{STRIPE}: stand-in-ca.pem, {GITHUB}: stand-in-ca.pem}}
""",
    "agents.yaml": f"""\
agents:
  {AGENT}: {{owner: {ADMIN}, policies: [support_refunds, issues_only], environment: prod}}
""",
    "people.yaml": f"""\
people:
  {ADMIN}: {{email: {ADMIN}@example.com, role: admin}}
  {APPROVER}: {{email: {APPROVER}@example.com, role: approver}}
teams:
  finance: [{APPROVER}]
""",
    "credentials.yaml": f"""\
credentials:
  STRIPE_API_KEY: {{from: "file:secrets/stripe", hosts: [{STRIPE}], placeholder: sk_test_}}
  GITHUB_TOKEN: {{from: "file:secrets/github", hosts: [{GITHUB}, uploads.github.com], placeholder: ghp_}}
""",
    "policies/support_refunds.yaml": f"""\
policy: support_refunds
description: Support refunds small amounts, finance signs for more
{REFUND_RULES}tests:
  - {{agent: {AGENT}, call: stripe_create_refund, input: {{charge: ch_1, amount: 5000}}, expect: allow}}
  - {{agent: {AGENT}, call: stripe_create_refund, input: {{charge: ch_1, amount: 5001}}, expect: ask}}
  - {{agent: {AGENT}, call: stripe_create_refund, input: {{charge: ch_1, amount: 50001}}, expect: deny}}
  - {{agent: {AGENT}, call: stripe_create_payout, input: {{amount: 100, currency: usd}}, expect: deny}}
  - {{agent: {AGENT}, request: "POST https://{STRIPE}/v1/transfers", expect: deny}}
""",
    "policies/issues_only.yaml": f"""\
policy: issues_only
description: Read repositories and open issues
allow:
  - tool: github_get_*
  - tool: github_create_issue
deny:
  - tool: github_delete_*
    because: agents delete nothing at GitHub
tests:
  - {{agent: {AGENT}, call: github_create_issue, input: {{owner: a, repo: b, title: Hi}}, expect: allow}}
  - {{agent: {AGENT}, call: github_delete_repo, input: {{owner: a, repo: b}}, expect: deny}}
""",
}


@dataclass(frozen=True, slots=True)
class RealKeys:
    """The keys that the stand-ins know, made for one run; the agent must never hold them."""

    stripe: str
    github: str

    def __repr__(self) -> str:
        """Never the keys."""
        return "RealKeys(…)"


def make_keys() -> RealKeys:
    """New keys, shaped like real ones."""
    return RealKeys(f"sk_live_{secrets.token_hex(24)}", f"ghp_{secrets.token_hex(18)}")


def write(folder: Path, keys: RealKeys, addresses: Mapping[str, str]) -> None:
    """Write the configuration into `folder`, which must exist; `addresses` by host are the stand-ins'."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text.replace("@STRIPE@", addresses[STRIPE]).replace("@GITHUB@", addresses[GITHUB]))
    (folder / "secrets").mkdir(mode=0o700)
    for name, key in (("stripe", keys.stripe), ("github", keys.github)):
        path = folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(key)
