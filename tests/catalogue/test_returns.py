"""Tools of the catalogue that mint secrets say so, and where these stand."""

from __future__ import annotations

import re

import pytest
from wharfinger.rules.recognition.recognise import Toolset

MINTS = re.compile(
    r"(create|make|generate|regenerate|issue|rotate|replace|reset|assume|get_session|get_federation)\w*"
    r"(_token|_access_key|_assume_role\w*|assume_role\w*|assume_root|_specific_credential|_token_value)$"
)
NO_SECRETS = {
    "github_graphql_regenerate_verifiable_domain_token": "a text that is published in the DNS",
    "google_drive_generate_file_cse_token": "of use with the encryption key alone, which Google has not",
    "plaid_create_item_public_token": "of use once, with the client's own secret alone",
    "plaid_create_processor_token": "of use with another party's own secret alone",
    "plaid_link_token_create": "of use with the client's own secret alone",
    "stripe_create_token": "stands for a card, and is of use with the account's own key alone",
}
"""Tools that only look like it, and why."""


def test_tools_that_mint_secrets_say_so(catalogue: Toolset) -> None:
    found = {tool.name for tool in catalogue if MINTS.search(tool.name)}
    marked = {tool.name for tool in catalogue if tool.mints}
    assert found - marked - NO_SECRETS.keys() == set()
    assert len(marked) >= 20


@pytest.mark.parametrize(
    "name", ["aws_sts_assume_role", "aws_sts_get_session_token", "aws_iam_create_access_key"]
)
def test_keys_of_aws_are_sealed_whole(catalogue: Toolset, name: str) -> None:
    returns = catalogue[name].returns
    assert returns is not None
    assert returns.credential == "AWS_CREDENTIALS"
    assert {part for part, _ in returns.keys} >= {"access_key", "secret_key"}
