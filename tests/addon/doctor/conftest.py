"""An installation to look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from wharfinger.doctor import exposed
from wharfinger.doctor.machine import Place
from wharfinger.rules.configuration import Sources, load

SETTINGS = b"version: 1\nlisten: 127.0.0.1:0\nconsole: 127.0.0.1:0\n"
CREDENTIALS = b"credentials:\n  API_KEY: {from: env:DOCTOR_API_KEY, hosts: [api.example.com]}\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A data folder of its own, one credential, and a home with nothing in it."""
    monkeypatch.setattr(exposed, "disarm_process", lambda: None)  # this process runs other tests
    for name in ("data", "state", "home", "work"):
        (tmp_path / name).mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    configuration = load(Sources({"wharfinger.yaml": SETTINGS, "credentials.yaml": CREDENTIALS}))
    return Place(configuration, tmp_path / "data", tmp_path / "state", served=False)
