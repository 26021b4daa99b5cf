"""Keys that lie about are named by place and kind, and never shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from wharfinger.doctor import exposed
from wharfinger.doctor.findings import Grade
from wharfinger.doctor.machine import Place

GITHUB = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("PAT", GITHUB, "github_token"),
        ("WHATEVER", f"x {STRIPE} y", "stripe_key"),
        ("DATABASE_PASSWORD", "correct-horse-battery", "by its name"),
        ("ACME_API_KEY", "0123456789ab", "by its name"),
        ("ACME_API_KEY", "short", None),
        ("SSH_KEY", "/home/alice/.ssh/id_ed25519", None),
        ("TOKEN_FILE", "/run/secrets/token", None),
        ("PATH", "/usr/bin:/bin", None),
        ("KEYBOARD", "a-long-enough-text", None),
    ],
)
def test_a_variable(name: str, value: str, kind: str | None) -> None:
    assert dict(exposed.of_variables({name: value, "LANG": "C"})) == ({name: kind} if kind else {})


def test_the_environment_is_told_without_a_value(installed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name not in {"HOME", "PATH"}:
            monkeypatch.delenv(name)
    (clean,) = exposed.in_environment(installed)
    assert clean.grade is Grade.OK
    monkeypatch.setenv("DOCTOR_API_KEY", STRIPE)
    monkeypatch.setenv("PAT", GITHUB)
    declared, other = exposed.in_environment(installed)
    assert (declared.grade, other.grade) == (Grade.REMARK, Grade.REMARK)
    assert "credentials set API_KEY" in declared.remedy
    assert "PAT" in other.text
    assert "github_token" in other.text
    assert not {GITHUB, STRIPE} & {part for each in (declared, other) for part in repr(each).split()}
    assert GITHUB[4:] not in repr((declared, other))
    assert STRIPE[8:] not in repr((declared, other))


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        (".aws/credentials", "[default]\naws_access_key_id = AKIAQ3EGRIVTLQHMAZXY\n", "aws_access_key"),
        (".npmrc", "//registry.npmjs.org/:_authToken=abcdefghijkl\n", "login"),
        (".netrc", "machine example.com login alice password hunter2hunter2\n", "login"),
        (".docker/config.json", '{"auths": {"ghcr.io": {"auth": "YWxpY2U6c2VjcmV0"}}}', "login"),
        (".ssh/id_ed25519", PRIVATE, "private_key"),
        (".config/gh/hosts.yml", f"github.com:\n  oauth_token: {GITHUB}\n", "github_token"),
        (
            ".bash_history",
            f"curl -H 'Authorization: Bearer {GITHUB}' https://api.github.com\n",
            "github_token",
        ),
        (".docker/config.json", '{"credsStore": "pass"}', None),
        (".npmrc", "fund=false\n", None),
        (".mozilla/firefox/logins.json", f'"{GITHUB}"', None),
        (".kube/a/b/c/d", GITHUB, None),
        ("notes.txt", GITHUB, None),
    ],
)
def test_a_file(installed: Place, name: str, text: str, kind: str | None) -> None:
    path = Path.home() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    found = [
        pair for pair in exposed.of_files(Path.home(), Path.cwd()) if pair[0].is_relative_to(Path.home())
    ]
    assert found == ([(path, kind)] if kind else [])
    told = [each for each in exposed.in_files(installed) if f"~/{name}" in each.text]
    assert [each.text for each in told] == (
        [f"~/{name} holds what looks like a key ({kind})"] if kind else []
    )


def test_a_file_in_the_working_folder(installed: Place) -> None:
    (Path.cwd() / ".env").write_text(f"STRIPE={STRIPE}\n")
    assert (Path.cwd() / ".env", "stripe_key") in [*exposed.of_files(Path.home(), Path.cwd())]


def test_what_is_read_is_bounded(installed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path.home() / ".ssh"
    folder.mkdir()
    for number in range(9):
        (folder / f"key{number}").write_text(PRIVATE)
    monkeypatch.setattr(exposed, "_FILES", 5)
    assert len([*exposed.of_files(Path.home(), Path.cwd())]) == 5
