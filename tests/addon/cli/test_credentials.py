"""`credentials` says which there are and whether each can be had, and never a value."""

import pytest

VALUE = "example-live-key-0123456789abcdef"
DECLARED = """\
credentials:
  EXAMPLE_KEY: {from: "file:example.key", hosts: [api.example.com]}
  SPARE: {from: "exec:[/bin/echo, an-argument-0123456789]", hosts: [spare.example.com]}
  GONE: {from: "file:gone.key", hosts: [gone.example.com]}
"""


@pytest.fixture
def folder(configure):
    made = configure(credentials=DECLARED)
    (made / "example.key").write_text(VALUE)
    (made / "example.key").chmod(0o600)
    return made


def test_list(type_, folder):
    rows = {row["name"]: row for row in type_("credentials", "list", "--config", folder, "--json").json}
    assert rows["EXAMPLE_KEY"] == {
        "name": "EXAMPLE_KEY",
        "kind": "bearer",
        "sources": {"from": "file:example.key"},
        "hosts": ["api.example.com"],
        "tools": 3,
        "agents": ["robot"],
        "generation": None,
        "version": "",
        "age": None,
        "left": None,
        "used": None,
        "problem": "",
    }
    assert rows["SPARE"]["sources"] == {"from": "exec:/bin/echo"}
    assert rows["SPARE"]["agents"] == []
    ran = type_("credentials", "list", "--config", folder)
    assert ran.code == 0
    assert VALUE not in ran.out
    assert "an-argument" not in ran.out


def test_one_that_can_be_had(type_, folder):
    ran = type_("credentials", "test", "EXAMPLE_KEY", "SPARE", "--config", folder)
    assert (ran.code, ran.out) == (0, "EXAMPLE_KEY: can be had\nSPARE: can be had\n")


def test_one_that_cannot_ends_with_1_and_a_remedy(type_, folder):
    ran = type_("credentials", "test", "--config", folder)
    assert ran.code == 1
    assert "GONE: the file" in ran.out
    assert "hint:" in ran.out
    assert VALUE not in ran.out + ran.err
    rows = type_("credentials", "test", "--config", folder, "--json").json
    assert {row["name"]: row["ok"] for row in rows} == {"EXAMPLE_KEY": True, "GONE": False, "SPARE": True}


def test_an_unknown_name_is_wrong_usage(type_, folder):
    ran = type_("credentials", "test", "EXAMPLE_KYE", "--config", folder)
    assert ran.code == 2
    assert "EXAMPLE_KEY" in ran.err
