"""curl and requests, as people and models write them from the vendors' documentation."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded

GITHUB = "-H 'Authorization: Bearer ghp_placeholder00000000000000000000000000'"
DOCS = f"-H 'Accept: application/vnd.github+json' {GITHUB} -H 'X-GitHub-Api-Version: 2022-11-28'"
OPENAI = "-H 'Authorization: Bearer sk-proj-placeholder000000000000' -H 'Content-Type: application/json'"
CLAUDE = "-H 'anthropic-version: 2023-06-01' -H 'content-type: application/json'"
SLACK = "-H 'Authorization: Bearer xoxb-placeholder-0000000000'"
JSON_SLACK = f"{SLACK} -H 'Content-Type: application/json; charset=utf-8'"
STRIPE = "-u sk_test_placeholder0000000000:"


def reply(request: Recorded) -> Answer:
    """Anything that a script would read on from."""
    return Answer.json({"ok": True, "id": "obj_1", "object": "thing", "target": request.target})


def curl(arguments: str) -> None:
    """Run one curl command line, as typed after `curl -sS`."""
    import shlex

    command = ["curl", "-sS", "--http1.1", "--fail", *shlex.split(arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def namespace() -> Mapping[str, Any]:
    import requests

    return {"curl": curl, "requests": requests, "github_headers": {
        "Authorization": "token ghp_placeholder00000000000000000000000000", "Accept": "application/vnd.github.v3+json"
    }}  # fmt: skip


def _curl(arguments: str, tool: str, inputs: Mapping[str, Any] | None = None) -> Any:
    return case(f'curl("""{arguments}""")', tool, inputs)


def _version() -> str:
    return subprocess.run(["curl", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]


ISSUES = "https://api.github.com/repos/octo/hello/issues"
REFUNDS = "https://api.stripe.com/v1/refunds"
O = {"owner": "octo", "repo": "hello"}  # noqa: E741
SLACK_READS = tuple(
    _curl(f"{SLACK} 'https://slack.com/api/{method}'", f"slack_{tool}_by_query", inputs)
    for method, tool, inputs in (
        ("users.list", "list_users", {}),
        ("users.info?user=U1", "get_user", {"user": "U1"}),
        ("users.lookupByEmail?email=ada%40example.com", "find_user_by_email", {"email": "ada@example.com"}),
        ("conversations.list?types=im&limit=9&exclude_archived=true", "list_conversations", {"types": "im"}),
        ("conversations.info?channel=C1", "get_conversation", {"channel": "C1"}),
        ("conversations.members?channel=C1", "list_members", {"channel": "C1"}),
        ("conversations.replies?channel=C1&ts=1700000000.000100", "get_replies", {"ts": "1700000000.000100"}),
        ("search.messages?query=in%3A%23ops+down", "search_messages", {"query": "in:#ops down"}),
        ("chat.getPermalink?channel=C1&message_ts=1.2", "get_permalink", {"message_ts": "1.2"}),
        ("files.info?file=F1", "get_file", {"file": "F1"}),
    )
)

SUITE = Suite(
    name="raw",
    client="curl and requests",
    version=_version,
    hosts=("api.github.com", "api.stripe.com", "slack.com", "api.openai.com", "api.anthropic.com",
           "raw.githubusercontent.com", "codeload.github.com", "github.com", "pypi.org"),
    namespace=namespace,
    reply=reply,
    cases=(
        _curl(f"{REFUNDS} {STRIPE} -d payment_intent=pi_1 -d amount=2500", "stripe_create_refund",
              {"payment_intent": "pi_1", "amount": 2500}),
        _curl(f"{REFUNDS} {STRIPE} -d charge=ch_1 -d 'metadata[ticket]=T-9' -d 'expand[]=charge'"
              " -d 'expand[]=payment_intent'", "stripe_create_refund",
              {"charge": "ch_1", "metadata": {"ticket": "T-9"}, "expand": ["charge", "payment_intent"]}),
        _curl(f"{REFUNDS} -H 'Authorization: Bearer sk_test_placeholder0000000000' -H 'Idempotency-Key: k1'"
              " -H 'Stripe-Version: 2025-03-31.basil' -d payment_intent=pi_1", "stripe_create_refund",
              {"payment_intent": "pi_1"}),
        _curl(f"-G https://api.stripe.com/v1/customers {STRIPE} -d limit=3 --data-urlencode email=ada@example.com",
              "stripe_list_customers", {"limit": 3, "email": "ada@example.com"}),
        _curl(f"-X DELETE https://api.stripe.com/v1/customers/cus_1 {STRIPE}", "stripe_delete_customer",
              {"customer": "cus_1"}),
        _curl(f"-L -X POST {DOCS} {ISSUES} -d '{{\"title\":\"Found a bug\",\"labels\":[\"bug\"]}}'",
              "github_create_issue", O | {"title": "Found a bug", "labels": ["bug"]}),
        _curl(f"{DOCS} {ISSUES}?state=all&per_page=100&page=2", "github_list_issues",
              O | {"state": "all", "per_page": 100, "page": 2}),
        _curl(f"-L {DOCS} https://api.github.com/repos/octo/hello/tarball/main", "github_get_tarball",
              O | {"ref": "main"}),
        _curl(f"-L {GITHUB} -H 'Accept: application/vnd.github.raw+json'"
              " https://api.github.com/repos/octo/hello/contents/docs/index.md", "github_get_contents",
              O | {"path": "docs/index.md"}),
        _curl("-fsSL https://raw.githubusercontent.com/octo/hello/main/docs/install.sh", "github_get_raw_file",
              O | {"ref": "main", "path": "docs/install.sh"}),
        _curl("-fsSL https://codeload.github.com/octo/hello/tar.gz/refs/tags/v1", "github_get_archive",
              O | {"format": "tar.gz", "ref": "refs/tags/v1"}),
        _curl("-fsSLO https://github.com/octo/hello/releases/download/v1/hello-linux.tgz --output-dir /tmp",
              "github_get_release_download", O | {"tag": "v1", "file": "hello-linux.tgz"}),
        _curl("https://pypi.org/pypi/demo/json", "pypi_get_project", {"project": "demo"}),
        _curl("https://pypi.org/pypi/demo/1.0/json", "pypi_get_release", {"version": "1.0"}),
        case("requests.post('https://api.github.com/repos/octo/hello/issues/7/comments', json={'body': 'Thanks'},"
             " headers=github_headers)", "github_create_issue_comment", O | {"number": 7, "body": "Thanks"}),
        case("requests.post('https://api.github.com/repos/octo/hello/issues/7/labels', json={'labels': ['bug']},"
             " headers=github_headers)", "github_add_labels", O | {"number": 7, "labels": {"labels": ["bug"]}}),
        case("requests.put('https://api.github.com/repos/octo/hello/pulls/5/merge', headers=github_headers)",
             "github_merge_pull", O | {"number": 5}),
        _curl(f"https://slack.com/api/chat.postMessage {JSON_SLACK}"
              " -d '{\"channel\":\"C1\",\"text\":\"hello\"}'", "slack_post_message",
              {"channel": "C1", "text": "hello"}),
        _curl(f"https://slack.com/api/chat.postMessage {SLACK} -d channel=C1 --data-urlencode 'text=hi & bye'",
              "slack_post_message", {"channel": "C1", "text": "hi & bye"}),
        _curl(f"{SLACK} https://slack.com/api/conversations.history?channel=C1&limit=5", "slack_get_history_by_query",
              {"channel": "C1", "limit": 5}),
        *SLACK_READS,
        _curl(f"https://api.openai.com/v1/chat/completions {OPENAI} -d '{{\"model\":\"gpt-5\",\"messages\":"
              "[{\"role\":\"user\",\"content\":\"Hi\"}],\"temperature\":0.7}'",
              "openai_create_chat_completion", {"model": "gpt-5", "temperature": 0.7}),
        _curl(f"https://api.openai.com/v1/models {OPENAI}", "openai_list_models", {}),
        _curl(f"https://api.anthropic.com/v1/messages {CLAUDE} -H 'x-api-key: sk-ant-placeholder000000000000'"
              " -d '{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64,\"messages\":"
              "[{\"role\":\"user\",\"content\":\"Hi\"}],\"temperature\":0.5,\"top_k\":5}'",
              "anthropic_create_message", {"max_tokens": 64, "temperature": 0.5}),
        _curl(f"'https://api.anthropic.com/v1/messages?beta=true' {CLAUDE}"
              " -H 'Authorization: Bearer sk-ant-placeholder000000000000' -H 'anthropic-beta: context-1m-2025-08-07'"
              " -d '{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64,\"messages\":[]}'",
              "anthropic_create_message", {"max_tokens": 64, "beta": "true"}),
        case("requests.get('https://api.github.com/user', auth=('x', 'ghp_placeholder00000000000000000000000000'))",
             "github_get_authenticated_user", {}),
    ),
)  # fmt: skip
