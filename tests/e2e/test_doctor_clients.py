"""`doctor --agent`: a client that goes through the proxy is told from one that does not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from staging.stage import Operator
from wharfinger.doctor import clients

CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.fixture
def only_curl(tmp_path: Path) -> str:
    """A PATH on which curl is the one client."""
    curl = shutil.which("curl")
    assert curl is not None
    (tmp_path / "curl").symlink_to(curl)
    return str(tmp_path)


@CURL
def test_a_client_in_the_environment_of_an_agent_is_right(operator: Operator, only_curl: str) -> None:
    rows = operator.run("env", "--agent", "bot", "--format", "json").json
    (tried,) = clients.tried({"PATH": only_curl} | rows, operator.data / "audit")
    assert (tried.client.name, tried.arrived) == ("curl", True), tried.said
    assert tried.version[0].isdigit()


@CURL
def test_one_without_it_is_wrong(operator: Operator, only_curl: str) -> None:
    (tried,) = clients.tried({"PATH": only_curl}, operator.data / "audit")
    assert not tried.arrived
    assert "resolve" in tried.said.lower()


@CURL
def test_one_that_does_not_trust_the_authority_is_wrong(operator: Operator, only_curl: str) -> None:
    rows = operator.run("env", "--agent", "bot", "--format", "json").json
    apart = {name: value for name, value in rows.items() if name.lower().endswith("_proxy")}
    (found,) = clients.findings({"PATH": only_curl} | apart, operator.data / "audit")
    assert found.grade == "FAIL"
    assert "wharfinger env" in found.remedy


@CURL
def test_doctor_reports_an_agent_that_is_not_there(operator: Operator, only_curl: str) -> None:
    path = f"{only_curl}{os.pathsep}/usr/bin{os.pathsep}/bin"
    ran = operator.run("doctor", "--agent", "nobody", "--json", expect=1, PATH=path)
    (told,) = [row for row in ran.json if row["check"] == "client"]
    assert (told["grade"], told["text"]) == ("fail", 'there is no agent "nobody"')
