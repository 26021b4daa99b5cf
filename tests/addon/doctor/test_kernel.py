"""What isolation is made of is found, and what is missing is told with what rests on it."""

from __future__ import annotations

import os
import sys

import pytest
from wharfinger.doctor import kernel
from wharfinger.doctor.findings import Finding, Grade
from wharfinger.doctor.machine import Place


def told(place: Place) -> dict[str, Finding]:
    words = ("user namespaces", "seccomp", "Landlock", "bubblewrap", "nft")
    found = [*kernel.features(place)]
    return {word: next(each for each in found if word in each.text) for word in words}


def test_everything_is_told_of(installed: Place) -> None:
    found = told(installed)
    assert all(each.remedy for each in found.values() if each.grade is not Grade.OK)
    assert os.uname().release in next(kernel.features(installed)).text


def test_what_is_missing(installed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_run", lambda *command: "Operation not permitted")
    monkeypatch.setattr(kernel, "_read", lambda path: "0" if "max_user_namespaces" in path else "")
    monkeypatch.setattr(kernel.landlock, "version", lambda: 1)
    monkeypatch.setattr(kernel.shutil, "which", lambda name, path=None: None)
    found = told(installed)
    assert {each.grade for each in found.values()} == {Grade.REMARK}
    assert all(each.remedy for each in found.values())
    assert "user/max_user_namespaces = 0" in found["user namespaces"].text
    assert "version 1" in found["Landlock"].text


def test_namespaces_of_little_use(installed: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_run", lambda *command: None)
    monkeypatch.setattr(kernel, "_read", lambda path: "1" if "apparmor" in path else "errno")
    found = told(installed)["user namespaces"]
    assert (found.grade, "apparmor_restrict_unprivileged_userns = 1" in found.text) == (Grade.REMARK, True)


@pytest.mark.parametrize(
    ("code", "why"), [("", None), ("import sys; sys.exit('no\\x1b[2J way')", "no?[2J way")]
)
def test_a_command_is_run(code: str, why: str | None) -> None:
    assert kernel._run(sys.executable, "-c", code) == why
