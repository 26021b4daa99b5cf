"""What official clients send is recognised as the tool it is, and loses no header that the API needs."""

from __future__ import annotations

from wharfinger.rules.recognition.recognise import Toolset
from wharfinger.rules.requests import headers

REFUSED = {
    # curl -d JSON without a Content-Type goes out as a form.
    "github_create_issue": "the form has characters that must not stand in one",
}
"""Recorded requests that are refused, one of each tool, and why."""

DROPPED = {
    "x-stripe-client-user-agent": {"api.stripe.com"},  # statistics
    "api-version": {"api.cloudflare.com"},
    "hostos": {"graph.microsoft.com"},
    "runtimeenvironment": {"graph.microsoft.com"},
    "sdkversion": {"graph.microsoft.com"},
    "x-amzn-trace-id": {"huggingface.co"},
    "x-client-info": {"acme.supabase.co"},
    "x-prettyprint": {"acme.my.salesforce.com"},
    "x-twilio-client": {"api.twilio.com", "verify.twilio.com"},
    "x-goog-api-client": {"gmail.googleapis.com", "www.googleapis.com", "sheets.googleapis.com"},
    "cookie": {"api.vercel.com"},  # an empty one
    "sec-fetch-mode": {"api.linear.app", "api.vercel.com"},  # of Node's fetch
    "npm-auth-type": {"registry.npmjs.org"},
    "npm-command": {"registry.npmjs.org"},
    "pacote-integrity": {"registry.npmjs.org"},
    "pacote-pkg-id": {"registry.npmjs.org"},
    "pacote-req-type": {"registry.npmjs.org"},
    "pacote-version": {"registry.npmjs.org"},
}
"""Fields that clients send and that do not go upstream, and where: none changes what a call does."""

CREDENTIALS = {
    *("authorization", "x-api-key", "private-token", "dd-api-key", "dd-application-key", "apikey"),
    *("x-shopify-access-token",),
}
"""Fields that hold credentials: these are taken out, and put in where the tool says."""


PROVEN = {
    "stripe": "stripe-python",
    "github": "PyGithub",
    "slack": "slack_sdk",
    "openai": "openai-python",
    "anthropic": "anthropic-python",
    "gitlab": "python-gitlab",
    "google_gmail": "google-api-python-client",
    "google_calendar": "google-api-python-client",
    "google_drive": "google-api-python-client",
    "google_sheets": "google-api-python-client",
    "msgraph": "msgraph-sdk",
    "aws_s3": "boto3",
    "aws_ec2": "boto3",
    "aws_iam": "boto3",
    "aws_lambda": "boto3",
    "aws_dynamodb": "boto3",
    "aws_ses": "boto3",
    "aws_sts": "boto3",
    "aws_secretsmanager": "boto3",
    "cloudflare": "cloudflare",
    "notion": "notion-client",
    "github_graphql": "PyGithub",
    "linear": "@linear/sdk",
    "jira": "jira",
    "confluence": "atlassian-python-api",
    "hubspot": "hubspot-api-client",
    "salesforce": "simple-salesforce",
    "zendesk": "zenpy",
    "pagerduty": "pagerduty",
    "datadog": "datadog-api-client",
    "twilio": "twilio",
    "sendgrid": "sendgrid",
    "shopify": "ShopifyAPI",
    "discord": "discord.py",
    "telegram": "python-telegram-bot",
    "vercel": "@vercel/sdk",
    "supabase": "supabase",
    "huggingface": "huggingface_hub",
    "git": "git",
    "git_gitlab": "git",
    "git_lfs": "git-lfs",
    "npm": "pip and npm",
    "pypi": "pip and npm",
}
"""APIs, each with the official or most used client whose requests are recorded."""


def test_more_than_twenty_five_apis_are_proven_by_what_their_clients_send(corpus, catalogue: Toolset) -> None:
    found = {(catalogue[line.tool].api, line.client) for line in corpus}
    assert set(PROVEN.items()) <= found
    vendors = {api.partition("_")[0] for api in PROVEN}
    assert len(PROVEN) >= 40
    assert len(vendors) >= 25


def test_every_recorded_request_is_recognised_as_its_tool_with_its_inputs(line, catalogue: Toolset) -> None:
    read = catalogue.recognise(line.request)
    if read.refusal is not None:
        assert read.refusal.reason == REFUSED.get(line.tool), line.call
        return
    assert read.winner is not None, line.call
    assert read.winner.name == line.tool, line.call
    (call,) = read.calls
    assert {name: call.inputs.get(name) for name in line.inputs} == line.inputs, line.call


def test_every_header_that_clients_send_goes_upstream_or_is_known_to_be_dropped(
    line, catalogue: Toolset
) -> None:
    tool = catalogue[line.tool]
    passes = headers.Passes(tool.passed, tool.declared_headers)
    dropped = headers.plan(line.request, headers.read(line.request).names, passes).dropped
    unknown = {
        name
        for name in dropped
        if name not in CREDENTIALS and line.request.host not in DROPPED.get(name, set())
    }
    assert not unknown, line.call


def test_no_more_is_refused_than_the_table_says(corpus, catalogue: Toolset) -> None:
    refused = [line.tool for line in corpus if catalogue.recognise(line.request).refusal is not None]
    assert sorted(refused) == sorted(REFUSED)


def test_every_tool_that_people_wrote_has_a_recorded_request(
    corpus, catalogue: Toolset, imported: frozenset[str]
) -> None:
    recorded = {line.tool for line in corpus}
    assert set(catalogue.tools) - imported <= recorded
    assert recorded <= set(catalogue.tools)
