"""Logins that are bound to a connection are told from others."""

import pytest
from wharfinger.rules.requests.challenges import binds


@pytest.mark.parametrize(
    "value",
    ["NTLM", "ntlm TlRMTVNTUAAB", "Negotiate", "negotiate YII=", "Kerberos x", "Basic realm=a, Negotiate",
     "Negotiate,NTLM", "Bearer, ntlm", " \tNTLM"],
)  # fmt: skip
def test_bound(value: str) -> None:
    assert binds(value)


@pytest.mark.parametrize(
    "value", ["", "Basic bnRsbQ==", "Bearer negotiate", "Digest realm=ntlm", "NTLMish x"]
)
def test_others(value: str) -> None:
    assert not binds(value)
