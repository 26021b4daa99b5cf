"""The catalogue as a whole: it loads, reads back what it writes, and says what each tool does."""

from __future__ import annotations

from pathlib import Path

import pytest
from wharfinger.importing import proof
from wharfinger.rules.models.runs import Run
from wharfinger.rules.protocols.speech import Protocol
from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.types import Effect

TOOLS = Path(__file__).resolve().parents[2] / "tools"
READS = Path(__file__).with_name("reads_by_post.txt")
LOGINS = ("claude_code", "codex")
APIS = """
    anthropic asana aws_dynamodb aws_ec2 aws_iam aws_lambda aws_s3 aws_secretsmanager aws_ses aws_sts
    bitbucket cloudflare confluence crates datadog discord dockerhub git git_bitbucket git_codeberg
    git_gitlab git_lfs gitea github github_graphql gitlab
    google_calendar google_drive google_gmail google_sheets hubspot huggingface jira linear msgraph
    notion npm
    openai pagerduty pypi rubygems salesforce sendgrid sentry shopify slack stripe supabase telegram
    twilio vercel zendesk
""".split()  # noqa: SIM905 (a list of names reads better as text)
"""Those that users are promised, among others."""
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
    anthropic_count_tokens git_lfs_download git_lfs_verify_locks openai_create_embedding
    openai_create_moderation openai_search_vector_store slack_find_user_by_email
    slack_get_conversation slack_get_file slack_get_history slack_get_permalink slack_get_replies
    slack_get_user slack_list_conversations slack_list_members slack_list_users
    slack_search_messages slack_test_auth
""".split()  # noqa: SIM905 (a list of names reads better as text)
"""What is read although it is not a GET."""

OWN_SAMPLES = {
    "npm_download_scoped": {"scope": "@acme", "package": "x", "file": "x-1.0.0.tgz"},
}
"""Inputs of tools whose patterns no sample is known for."""
NOT_FILLED = {
    *("git_push", "gitlab_git_push", "gitlab_git_push_in_group", "bitbucket_git_push", "codeberg_git_push"),
}
"""Tools that are recognised and not made: a push holds what only git can write."""


def test_what_a_tool_writes_is_recognised_as_that_tool_with_those_inputs(
    file_name: str, catalogue: Toolset, logins: Toolset
) -> None:
    """Of every tool, among all of them: once with what it needs, once with all its inputs."""
    tools = logins if file_name in LOGINS else catalogue
    names = [line.split()[2] for line in _lines(file_name) if line.startswith("  - tool: ")]
    assert names
    faults = {name: why for name in names if name not in NOT_FILLED and (why := _fault(tools, name))}
    assert not faults


def _lines(file_name: str) -> list[str]:
    return (TOOLS / f"{file_name}.yaml").read_text().splitlines()


def _fault(tools: Toolset, name: str) -> str:
    if name in OWN_SAMPLES:
        return proof.mistaken(tools, tools[name], OWN_SAMPLES[name])
    return proof.fault(tools, name)


def test_there_are_sixty_apis_and_two_and_a_half_thousand_tools(catalogue: Toolset) -> None:
    assert len(catalogue) >= 2500
    assert len({tool.api for tool in catalogue}) >= 60


@pytest.mark.parametrize("api", APIS)
def test_the_apis_that_are_promised_are_there(api: str, catalogue: Toolset) -> None:
    assert any(tool.api == api for tool in catalogue)


def test_hosts_of_customers_are_parameters_and_never_wildcards(files, catalogue: Toolset) -> None:
    for tool in catalogue:
        for endpoint in tool.endpoints:
            labels = [label.shape for label in endpoint.labels]
            assert not any("*" in label for label in labels), tool.name
            assert all("$" not in label for label in labels[1:]), tool.name  # S3's bucket is the first
    assert {file.api for file in files if file.parameters} >= {"jira", "confluence", "zendesk", "shopify"}


def test_the_apis_of_the_first_catalogue_have_the_tools_that_people_use(catalogue: Toolset) -> None:
    counts = {api: sum(tool.api == api for tool in catalogue) for api in AT_LEAST}
    assert all(counts[api] >= least for api, least in AT_LEAST.items()), counts


def test_what_destroys_is_marked_and_nothing_else(catalogue: Toolset, imported: frozenset[str]) -> None:
    """Of the tools that people wrote; for those that were imported see test_dangerous."""
    marked = sorted(t.name for t in catalogue if t.effect is Effect.DESTRUCTIVE and t.name not in imported)
    assert marked == sorted(DESTRUCTIVE)


def test_what_reads_is_a_get_or_is_known_to_read(catalogue: Toolset, imported: frozenset[str]) -> None:
    by_other = {
        t.name
        for t in catalogue
        if t.effect is Effect.READ and not {"GET", "HEAD"}.issuperset(t.methods) and t.name not in imported
    }
    assert by_other == set(READS_BY_POST)


AWS_READS = ("Describe", "Get", "List", "Query", "Scan", "Search", "Filter", "Simulate", "Validate", "Verify")
AWS_READS_TOO = {"BatchGetItem", "TransactGetItems", "TestMetricFilter", "CheckIfPhoneNumberIsOptedOut"}
AWS_PATHS_THAT_READ = {
    *("aws_s3_select_object_content", "aws_ses_list_configuration_sets", "aws_ses_list_contacts"),
    *("aws_ses_list_email_identities", "aws_ses_test_render_email_template"),
}


def test_what_is_imported_and_reads_is_a_get_or_was_checked(
    catalogue: Toolset, imported: frozenset[str]
) -> None:
    checked = {line for line in READS.read_text().splitlines() if not line.startswith("#")}
    found = {
        t.name
        for t in catalogue
        if t.name in imported
        and t.effect is Effect.READ
        and t.protocol is Protocol.HTTP
        and not {"GET", "HEAD"}.issuperset(t.methods)
    }
    assert {name for name in found if not name.startswith("aws_")} == checked


def test_what_reads_of_aws_says_so_in_the_name_of_its_action(files) -> None:
    """Where method and path are the same for all of a service, the action is all there is."""
    seen = 0
    for tool in (tool for file in files if (file.api or "").startswith("aws_") for tool in file.tools):
        if tool.effect is not Effect.READ or "GET" in tool.run.method or "HEAD" in tool.run.method:
            continue
        action = _action(tool.run)
        seen += 1
        assert action.startswith(AWS_READS) or action in AWS_READS_TOO or tool.tool in AWS_PATHS_THAT_READ
    assert seen > 100


def _action(run: Run) -> str:
    body = run.body if isinstance(run.body, dict) else {}
    return str((run.headers or {}).get("X-Amz-Target", body.get("Action", ""))).rpartition(".")[2]


def test_no_get_writes(catalogue: Toolset, imported: frozenset[str]) -> None:
    """Of those that people wrote: there are APIs whose GET acts, and the rule of effects finds them."""
    written = [t for t in catalogue if t.name not in imported]
    assert not [t.name for t in written if "GET" in t.methods and t.effect is not Effect.READ]


def test_nothing_imported_that_deletes_is_less_than_destructive(
    catalogue: Toolset, imported: frozenset[str]
) -> None:
    deleting = [t for t in catalogue if "DELETE" in t.methods and t.name in imported]
    assert len(deleting) > 400
    assert not [t.name for t in deleting if t.effect is not Effect.DESTRUCTIVE]


def test_effect_and_extra_are_said_explicitly(files) -> None:
    """A GraphQL document has no extras: all that it asks for is a call."""
    silent = [
        t.tool
        for file in files
        for t in file.tools
        if t.effect is None or (t.run.extra is None and t.run.type != "graphql")
    ]
    assert not silent


def _beginning(api: str) -> str:
    """`github_` of `github_content`, and `gitlab_git_` of `git_gitlab`, as people would say it."""
    host = api.removeprefix("git_")
    if host in {"gitlab", "bitbucket", "codeberg"} and host != api:
        return f"{host}_git_"
    return f"{api.removesuffix('_content')}_"


def test_names_begin_with_their_api_and_descriptions_are_short(files) -> None:
    for file in files:
        for tool in file.tools:
            assert tool.tool.startswith(_beginning(file.api or "")), tool.tool
            assert 0 < len(tool.description) <= 80, tool.tool
            assert tool.description[0].isupper(), tool.tool
            assert not tool.description.endswith("."), tool.tool


FILTERED = {"supabase_delete_rows", "supabase_update_rows"}
"""What picks the rows are parameters of any name, one for each column."""


def test_only_tools_that_read_take_what_is_not_in_their_template(files, imported: frozenset[str]) -> None:
    """Of imported tools; a person may have written otherwise, and said why."""
    loose = [
        tool.tool
        for file in files
        for tool in file.tools
        if tool.tool in imported and tool.run.extra == "allow" and tool.effect is not Effect.READ
    ]
    assert set(loose) == FILTERED


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

    from wharfinger.rules.requests import headers

    line = next(line for line in corpus if line.request.host == host)
    request = replace(line.request, headers=(*line.request.headers, (field, "acct_other")))
    read = catalogue.recognise(request)
    if read.refusal is None:
        assert read.winner is not None
        passes = headers.Passes(read.winner.passed, read.winner.declared_headers)
        plan = headers.plan(request, headers.read(request).names, passes)
        assert field.lower() in plan.dropped
        assert field not in dict(plan.outgoing(request))
