"""Every detector finds what it is for, and lets its like pass; positions are those of the text."""

from __future__ import annotations

import random
import string
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.rules.detecting.detectors import Effort, Finding, TooMuch, expanded, find, named
from wharfinger.rules.detecting.table import DETECTORS, GROUPS

LETTERS = string.ascii_letters + string.digits


def made(size: int, letters: str = LETTERS) -> str:
    """Text of a secret's kind that is nobody's secret."""
    return "".join(random.Random(size).choices(letters, k=size))


HEX = "0123456789abcdef"
FOUND = {
    "private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\nbnNz\n-----END OPENSSH PRIVATE KEY-----",
    "age_key": "AGE-SECRET-KEY-1" + made(58, string.ascii_uppercase),
    "anthropic_key": "sk-ant-api03-" + made(40),
    "aws_access_key": "AKIA" + "IOSFODNN7EXAMPLE",
    "aws_secret_key": 'aws_secret_access_key = "' + made(40),
    "atlassian_token": "ATATT3" + made(80),
    "azure_storage_key": "AccountKey=" + made(86) + "==",
    "databricks_token": "dapi" + made(32, HEX),
    "digitalocean_token": "dop_v1_" + made(64, HEX),
    "docker_token": "dckr_pat_" + made(27),
    "github_token": "ghp_" + made(36),
    "gitlab_token": "glpat-" + made(20),
    "google_key": "AIza" + made(35),
    "google_oauth": "ya29." + made(60),
    "grafana_token": "glsa_" + made(32) + "_" + made(8, HEX),
    "groq_key": "gsk_" + made(52),
    "huggingface_token": "hf_" + made(34),
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0." + made(43),
    "linear_key": "lin_api_" + made(40),
    "newrelic_key": "NRAK-" + made(27, string.ascii_uppercase),
    "notion_token": "ntn_" + made(46),
    "npm_token": "npm_" + made(36),
    "openai_key": "sk-proj-" + made(48),
    "password_in_url": "://alice:" + "hunter2hunter2@d",
    "postman_key": "PMAK-" + made(24, HEX) + "-" + made(34, HEX),
    "pypi_token": "pypi-AgE" + made(80),
    "replicate_token": "r8_" + made(37),
    "rubygems_key": "rubygems_" + made(48, HEX),
    "sendgrid_key": "SG." + made(22) + "." + made(43),
    "sentry_token": "sntrys_" + made(60),
    "shopify_token": "shpat_" + made(32, HEX),
    "slack_token": "xoxb-" + made(24),
    "slack_webhook": "hooks.slack.com/services/T0000/B0000/" + made(24),
    "stripe_key": "sk_live_" + made(24),
    "supabase_token": "sbp_" + made(40, HEX),
    "telegram_token": ":AA" + made(33),
    "twilio_key": "SK" + made(32, HEX),
    "vault_token": "hvs." + made(24),
    "card": "4111-1111-1111-1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "email": "alice.b@mail.example.com",
    "phone": "+49 (30) 901-820",
    "us_ssn": "078-05-1120",
    "uk_nino": "QQ123456C".replace("QQ", "AB"),
    "de_tax_id": "86095742719",
    "es_dni": "12345678Z",
    "fr_nir": "2 55 08 14 168 025 38",
    "it_fiscal_code": "RSSMRA85T10A562S",
    "pl_pesel": "44051401359",
    "br_cpf": "529.982.247-25",
    "ch_ahv": "756.9217.0769.85",
    "in_aadhaar": "2341 2341 2346",
}
"""One of each: examples that issuers publish, or text of the right form."""
PASSES = {
    "card": ["4111-1111-1111-1112", "1234 5678 9012 3452", "9999999999999995", "4111 1111"],
    "iban": ["DE89 3704 0044 0532 0130 01", "XX89370400440532013000", "DE8937040044053201300"],
    "us_ssn": ["000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567", "123-45-0000", "123456789"],
    "de_tax_id": ["86095742718", "12345678901", "06095742719"],
    "es_dni": ["12345678A"],
    "fr_nir": ["2 55 08 14 168 025 39"],
    "it_fiscal_code": ["RSSMRA85T10A562T"],
    "pl_pesel": ["44051401358", "44991401359"],
    "br_cpf": ["529.982.247-26", "111.111.111-11", "52998224725"],
    "ch_ahv": ["756.9217.0769.84"],
    "in_aadhaar": ["2341 2341 2345"],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9.eyJz", "eyJxxxxxxxxxxxxxx.eyJzdWIiOiJhIn0." + made(43)],
    "openai_key": ["sk-learn-and-other-libraries-of-python", "task-" + made(30)],
    "password_in_url": ["https://example.com:443/a@b", "https://alice@example.com/"],
    "email": ["@alice", "alice@localhost", "a @ b.com"],
    "phone": ["+49", "00493090182", "1+1234567890123456"],
    "aws_access_key": ["XAKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLES1"],
    "private_key": ["-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----"],
}


def test_the_examples_are_of_all_detectors() -> None:
    assert list(FOUND) == [detector.name for detector in DETECTORS]
    assert frozenset.union(*GROUPS.values()) == FOUND.keys()


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda each: each.name)
def test_each_finds_its_example_alone_and_among_others(detector: Any) -> None:
    example = FOUND[detector.name]
    for before, after in [("", ""), ("see é ", " for it"), ('{"k":"', '"}'), ("\n", "\n")]:
        text = before + example + after
        assert find(text, [detector.name]) == [Finding(detector.name, len(before), len(before + example))]
    assert [each.name for each in find(f"x {example} y")] == [detector.name]
    assert named({"k": [example]}) == {detector.name, detector.group}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in PASSES.items() for text in texts])
def test_its_like_passes(name: str, text: str) -> None:
    assert find(text, [name]) == []


@pytest.mark.parametrize("number", [
    "378282246310005", "5555555555554444", "2223003122003222", "6011111111111117", "3530111333300000",
    "30569309025904", "6205500000000000004", "3782 822463 10005", "5555 5555 5555 4444",
])  # fmt: skip
def test_cards_of_all_networks(number: str) -> None:
    assert [each.name for each in find(f"pay with {number} 12/29")] == ["card"]
    assert find(number[:-1] + str((int(number[-1]) + 1) % 10), ["card"]) == []


def test_a_card_after_other_digits() -> None:
    assert find("2345 4111 1111 1111 1111 12/29") == [Finding("card", 5, 24)]


@pytest.mark.parametrize("number", [
    "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NL91ABNA0417164300", "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S", "CH9300762011623852957",
])  # fmt: skip
def test_ibans_of_all_lengths(number: str) -> None:
    assert find(f"{number} THANKS", ["iban"]) == [Finding("iban", 0, len(number))]


def test_findings_do_not_overlap() -> None:
    found = find("https://bob:hunter2@mail.example.com sk-ant-api03-" + made(40))
    assert [each.name for each in found] == ["password_in_url", "anthropic_key"]


def test_whole_numbers_and_keys_are_searched() -> None:
    assert named({"n": 4111111111111111}) == {"card", "personal"}
    assert named({"alice@example.com": True}) == {"email", "personal"}
    assert named([None, 1.5, True, {"a": []}]) == frozenset()


def test_names_may_be_groups() -> None:
    text = "alice@example.com ghp_" + made(36)
    assert [each.name for each in find(text, ["secret"])] == ["github_token"]
    assert [each.name for each in find(text, ["personal"])] == ["email"]
    with pytest.raises(KeyError):
        expanded(["secrets"])


@pytest.mark.parametrize(
    "text", ["sk-" * 10_000, "4111 " * 8_000, "eyJ " * 8_000, "AB12 " * 8_000, "x" * 50_000]
)
def test_effort_is_bounded(text: str) -> None:
    with pytest.raises(TooMuch):
        named(text, effort=Effort.of_one_evaluation())
    with pytest.raises(TooMuch):
        find(text, effort=Effort.of_one_evaluation())
    assert named("alice@example.com " * 2_000, effort=Effort.of_one_evaluation()) == {"email", "personal"}


@settings(max_examples=100)
@given(st.text(max_size=40), st.sampled_from(sorted(FOUND)), st.text(max_size=40))
def test_positions_are_those_of_the_text(before: str, name: str, after: str) -> None:
    text = f"{before} {FOUND[name]} {after}"
    found = find(text)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert any(FOUND[name] in text[each.start : each.end] or each.name == name for each in found)
