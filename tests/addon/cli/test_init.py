"""`init` writes what can be used at once, overwrites nothing, and `trust` decides what is found."""

import stat

import pytest
from wharfinger.keeping import people

SOURCES = {
    "STRIPE_API_KEY": "sk_live_0123456789abcdef",
    "GITHUB_TOKEN": "ghp_0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef",
}


@pytest.fixture
def keys(monkeypatch):
    for name, value in SOURCES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("kind", ["coding", "coding-signed-in", "api", "empty"])
def test_what_is_written_passes_check_and_can_be_commanded(type_, places, keys, kind):
    ran = type_("init", "--for", kind, "--person", "alice")
    assert ran.code == 0, ran.err
    assert "next: " in ran.out
    checked = type_("check")
    assert checked.code == 0, checked.err
    assert "error" not in checked.err
    assert "warning" not in checked.err
    people_rows = type_("people", "list", "--json").json
    assert [row["name"] for row in people_rows if row["keys"]] == ["alice"]


@pytest.mark.parametrize("kind", ["coding", "coding-signed-in", "api", "empty"])
def test_no_value_of_a_credential_is_written_or_shown(type_, home, keys, kind):
    ran = type_("init", "--for", kind)
    written = [path.read_text() for path in (home / ".config").rglob("*") if path.is_file()]
    assert not [value for value in SOURCES.values() for text in (*written, ran.out, ran.err) if value in text]


def test_everything_is_the_users_alone_and_data_lies_apart(type_, places, keys):
    type_("init", "--for", "api", "--person", "alice")
    key = people.path_of(places.state, "alice")
    for path in (*places.config.rglob("*"), key, places.state / "data"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert not (places.config / "data").exists()
    assert (places.state / "data" / "store.db").exists()


def test_without_a_terminal_the_key_is_not_encrypted_and_that_is_said(type_, places):
    ran = type_("init", "--for", "empty", "--person", "alice")
    assert "not encrypted, for want of a terminal" in ran.out
    assert people.unprotected(places.state, "alice")


@pytest.mark.parametrize(("option", "name"), [("--agent", "Bad/Name"), ("--person", "zoë x")])
def test_a_name_that_is_none_is_told_of_its_option_and_once(type_, places, keys, option, name):
    ran = type_("init", "--for", "api", option, name)
    assert (ran.code, ran.err.count("is not a name")) == (2, 1)
    assert f'error: {option}: "{name}" is not a name' in ran.err
    assert not places.config.exists()


def test_without_a_terminal_it_must_be_said_what_for(type_, places):
    ran = type_("init")
    assert ran.code == 2
    assert "--for" in ran.err
    assert not places.config.exists()


def test_nothing_is_overwritten(type_, places):
    assert type_("init", "--for", "empty").code == 0
    before = {path: path.read_bytes() for path in places.config.rglob("*.yaml")}
    again = type_("init", "--for", "coding-signed-in")
    assert again.code == 1
    assert "already: wharfinger.yaml, agents.yaml, people.yaml" in again.err
    assert {path: path.read_bytes() for path in places.config.rglob("*.yaml")} == before


@pytest.mark.parametrize(
    "there", ["wharfinger.yaml", "credentials.yaml", "policies/mine.yaml", "tools/x.yaml"]
)
def test_one_file_of_a_configuration_is_enough_to_refuse(type_, home, there):
    path = home / "conf" / there
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert type_("init", "--for", "empty", "--config", home / "conf").code == 1
    assert [found for found in (home / "conf").rglob("*") if found.is_file()] == [path]


def test_a_second_configuration_uses_the_key_that_is_there(type_, home):
    type_("init", "--for", "empty", "--person", "alice")
    ran = type_("init", "--for", "coding-signed-in", "--person", "alice", "--config", home / "other")
    assert ran.code == 0, ran.err
    assert "using the key of alice" in ran.out
    assert "--config" in ran.out.split("next: ")[1]


def test_a_second_person_needs_an_admin(type_, home):
    type_("init", "--for", "empty", "--person", "alice")
    ran = type_("init", "--for", "empty", "--person", "mallory", "--config", home / "other")
    assert ran.code == 1
    assert "could not be registered" in ran.err
    rows = type_("people", "list", "--config", home / "other", "--json").json
    assert not [row for row in rows if row["name"] == "mallory" and row["keys"]]


@pytest.mark.parametrize("kind", ["coding", "api"])
def test_what_could_do_nothing_is_not_written(type_, places, kind):
    ran = type_("init", "--for", kind)
    assert ran.code == 2
    assert "--key NAME=env:VARIABLE" in ran.err
    assert not places.config.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("STRIPE_API_KEY", "--key takes NAME=SOURCE"),
        ("STRIPE_API_KEY=sk_live_topsecret", "a value is never written in a file"),
        ("NO_SUCH_KEY=env:X", '"NO_SUCH_KEY" is no credential'),
        ("STRIPE_API_KEY=exec:[op, read]", "absolute path"),
        ("STRIPE_API_KEY=env:not a name", "environment variable"),
    ],
)
def test_a_source_that_is_none_is_told_and_never_repeated(type_, places, given, said):
    ran = type_("init", "--for", "api", "--key", given)
    assert ran.code == 2
    assert said in ran.err
    assert "topsecret" not in ran.err + ran.out
    assert not places.config.exists()


def test_sources_may_be_named(type_, places, tmp_path):
    source = f"file:{tmp_path / 'slack token'}"
    ran = type_("init", "--for", "api", "--key", f"SLACK_BOT_TOKEN={source}")
    assert ran.code == 0, ran.err
    assert f'from: "{source}"' in (places.config / "credentials.yaml").read_text()


@pytest.mark.parametrize("name", ["my agent", "a" * 65, 'x"y', "a\nb", "${x}"])
@pytest.mark.parametrize("option", ["--agent", "--person"])
def test_a_name_that_cannot_be_is_told_before_anything_is_written(type_, places, option, name):
    ran = type_("init", "--for", "coding-signed-in", option, name)
    assert ran.code == 2
    assert not places.config.exists()
    assert not (places.state / "people").exists()


@pytest.mark.parametrize("name", ["yes", "null", "on", "123", "1e3", "0x1f", "a.b", "No"])
def test_a_name_that_yaml_reads_otherwise_is_quoted(type_, places, name):
    ran = type_("init", "--for", "coding-signed-in", "--agent", name, "--person", "alice")
    assert ran.code == 0, ran.err
    assert [row["name"] for row in type_("agents", "list", "--json").json] == [name]


def test_trust_and_forget(type_, configure, monkeypatch):
    folder = configure()
    deep = folder / "src"
    deep.mkdir()
    monkeypatch.chdir(deep)
    ran = type_("check")
    assert ran.code == 2  # the user has no configuration of their own
    assert "has not been trusted" in ran.err
    assert type_("trust", folder).code == 0
    assert type_("check").code == 0
    (folder / "policies" / "things.yaml").write_text("policy: things\nallow:\n  - tool: '*'\n")
    changed = type_("check")
    assert changed.code == 2
    assert "has changed since it was trusted" in changed.err
    assert type_("trust", "--forget", folder).code == 0
    assert type_("trust", "--forget", folder).code == 1
    assert "has not been trusted" in type_("check").err


def test_trust_needs_a_configuration_that_others_cannot_write(type_, configure, home):
    assert type_("trust", home).code == 1
    assert type_("trust", home / "nowhere").code == 2
    folder = configure()
    (folder / "agents.yaml").chmod(0o666)
    ran = type_("trust", folder)
    assert ran.code == 1
    assert "agents.yaml" in ran.err
