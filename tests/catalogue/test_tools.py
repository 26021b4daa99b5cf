"""The catalogue as a whole: it loads, reads back what it writes, and says what each tool does."""

from __future__ import annotations

import pytest
from wharfinger.rules.recognise import Toolset
from wharfinger.rules.tools import Tool
from wharfinger.rules.types import Effect, Request

AT_LEAST = {"github": 25, "stripe": 25, "slack": 20, "openai": 15, "anthropic": 10}

DESTRUCTIVE = """
    anthropic_delete_file anthropic_delete_message_batch github_delete_contents
    github_delete_issue_comment github_delete_ref github_delete_release github_delete_repo
    github_update_ref openai_delete_file openai_delete_model openai_delete_response
    openai_delete_vector_store slack_archive_conversation slack_delete_file slack_delete_message
    slack_delete_scheduled_message stripe_cancel_payment_intent stripe_cancel_subscription
    stripe_create_payout stripe_create_refund stripe_delete_customer stripe_void_invoice
""".split()  # noqa: SIM905 (a list of names reads better as text)
"""All that deletes, ends or voids, moves a ref by force, or pays money out. New ones belong here."""

READS_BY_POST = """
    anthropic_count_tokens git_fetch openai_create_embedding
    openai_create_moderation openai_search_vector_store slack_find_user_by_email
    slack_get_conversation slack_get_file slack_get_history slack_get_permalink slack_get_replies
    slack_get_user slack_list_conversations slack_list_members slack_list_users
    slack_search_messages slack_test_auth
""".split()  # noqa: SIM905 (a list of names reads better as text)
"""What is read although it is not a GET."""

SAMPLES = {
    "string": "x1",
    "integer": 3,
    "number": 0.5,
    "boolean": True,
    "array": ["a", "b"],
    "object": {"k": "v"},
}
OWN_SAMPLES = {
    ("npm_download_scoped", "scope"): "@acme",
    ("github_get_archive", "format"): "zip",
}


def samples(tool: Tool, *, optional: bool) -> dict[str, object]:
    """A value for each input that is within its bounds."""
    return {name: _sample(tool, name) for name, spec in tool.inputs.items() if spec.required or optional}


def _sample(tool: Tool, name: str) -> object:
    spec = tool.inputs[name]
    if (tool.name, name) in OWN_SAMPLES:
        return OWN_SAMPLES[tool.name, name]
    if spec.enum is not None:
        import json

        return json.loads(min(spec.enum))
    return SAMPLES[spec.kind]


@pytest.mark.parametrize("optional", [False, True], ids=["required", "all"])
def test_what_a_tool_writes_is_recognised_as_that_tool_with_those_inputs(
    tool_name: str, optional: bool, catalogue: Toolset, logins: Toolset
) -> None:
    tools = catalogue if tool_name in catalogue else logins
    tool = tools[tool_name]
    given = samples(tool, optional=optional)
    filled = tool.fill(given)
    fields = [("Host", filled.url.split("/")[2]), *filled.headers]
    if filled.content_type:
        fields.append(("Content-Type", filled.content_type))
    request = Request(
        "agent",
        filled.method,
        filled.scheme,
        filled.host,
        filled.port,
        filled.target,
        tuple(fields),
        None if tool.stream else filled.body,
    )
    read = tools.recognise(request)
    assert read.refusal is None
    assert read.winner is not None
    assert read.winner.name == tool_name
    assert read.calls[0].inputs == given
    assert not read.calls[0].extras


def test_the_apis_of_the_first_catalogue_have_the_tools_that_people_use(catalogue: Toolset) -> None:
    counts = {api: sum(tool.api == api for tool in catalogue) for api in AT_LEAST}
    assert all(counts[api] >= least for api, least in AT_LEAST.items()), counts


def test_what_destroys_is_marked_and_nothing_else(catalogue: Toolset) -> None:
    assert sorted(t.name for t in catalogue if t.effect is Effect.DESTRUCTIVE) == sorted(DESTRUCTIVE)


def test_what_reads_is_a_get_or_is_known_to_read(catalogue: Toolset) -> None:
    by_other = {
        t.name for t in catalogue if t.effect is Effect.READ and not {"GET", "HEAD"}.issuperset(t.methods)
    }
    assert by_other == set(READS_BY_POST)


def test_no_get_writes(catalogue: Toolset) -> None:
    assert not [t.name for t in catalogue if "GET" in t.methods and t.effect is not Effect.READ]


def test_effect_and_extra_are_said_explicitly(files) -> None:
    silent = [t.tool for file in files for t in file.tools if t.effect is None or t.run.extra is None]
    assert not silent


def test_names_begin_with_their_api_and_descriptions_are_short(files) -> None:
    for file in files:
        for tool in file.tools:
            assert tool.tool.startswith(f"{(file.api or '').removesuffix('_content')}_"), tool.tool
            assert 0 < len(tool.description) <= 80, tool.tool
            assert tool.description[0].isupper(), tool.tool
            assert not tool.description.endswith("."), tool.tool


def test_tools_of_agents_that_sign_in_by_themselves_hold_no_credential(logins: Toolset) -> None:
    assert all(tool.auth_own and not tool.placements for tool in logins)


def test_only_tools_of_agents_that_sign_in_by_themselves_let_a_login_pass(catalogue: Toolset) -> None:
    assert not [tool.name for tool in catalogue if tool.auth_own]


def test_every_tool_with_a_credential_sends_it_over_https_only(catalogue: Toolset) -> None:
    plain = [t.name for t in catalogue if any(endpoint.scheme != "https" for endpoint in t.endpoints)]
    assert not plain


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("stripe_create_payment_intent", "$.client_secret"),
        ("stripe_get_checkout_session", "$.client_secret"),
        ("github_get_repo", "$.temp_clone_token"),
    ],
)
def test_secrets_that_apis_hand_out_are_masked(name: str, path: str, catalogue: Toolset) -> None:
    assert path in catalogue[name].redact


@pytest.mark.parametrize(
    ("host", "field"),
    [
        ("api.stripe.com", "Stripe-Account"),
        ("api.stripe.com", "Stripe-Context"),
        ("api.openai.com", "OpenAI-Organization"),
        ("api.openai.com", "OpenAI-Project"),
        ("api.anthropic.com", "anthropic-workspace-id"),
    ],
)
def test_a_header_that_acts_for_another_account_is_refused_or_does_not_pass(
    host: str, field: str, corpus, catalogue: Toolset
) -> None:
    from dataclasses import replace

    from wharfinger.rules import headers

    line = next(line for line in corpus if line.request.host == host)
    request = replace(line.request, headers=(*line.request.headers, (field, "acct_other")))
    read = catalogue.recognise(request)
    if read.refusal is None:
        assert read.winner is not None
        passes = headers.Passes(read.winner.passed, read.winner.declared_headers)
        plan = headers.plan(request, headers.read(request).names, passes)
        assert field.lower() in plan.dropped
        assert field not in dict(plan.outgoing(request))
