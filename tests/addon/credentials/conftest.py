"""Credentials as a configuration declares them."""

import sys
from pathlib import Path

import pytest
from wharfinger.rules.models.credentials import Credential

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are imported without packages, stand-ins too


@pytest.fixture
def declare():
    """`declare("env:KEY", weak=True)` is that entry of credentials.yaml."""

    def declared(source, **other):
        return Credential.model_validate({"from": source, "hosts": ["api.example.com"], **other})

    return declared


@pytest.fixture
def script(tmp_path):
    """`script("echo x")` is the path of a shell script that does it."""
    folder = tmp_path / "bin"
    folder.mkdir(mode=0o755)

    def written(body, mode=0o755, name="get"):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(mode)
        return str(path)

    return written
