"""`doctor`'s proof: in vain where the sandbox holds, and told of where something of it is missing."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
from wharfinger.isolation import proof, sandbox
from wharfinger.isolation.proof import Targets
from wharfinger.isolation.view import CannotIsolate

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="needs bubblewrap")


@pytest.fixture
def targets(tmp_path: Path) -> Targets:
    (tmp_path / "key").write_text("secret")
    return Targets(
        {"proxy": ("127.0.0.1", 1)}, (tmp_path / "control.sock",), (tmp_path / "key",), (tmp_path,)
    )


def test_all_is_in_vain(targets: Targets) -> None:
    tried = proof.attempts(targets)
    assert {"QUIC", "ICMP", "the metadata address", "a connection to the machine's loopback"} <= tried.keys()
    assert [name for name, why in tried.items() if not why] == []


@pytest.mark.parametrize(
    ("missing", "out"),
    [
        (
            "--unshare-net",
            {"an abstract socket", "a connection to the proxy", "a connection to the machine's loopback"},
        ),
        ("--seccomp", {"virtual machine sockets"}),
    ],
)
def test_what_is_missing_is_found(
    targets: Targets, monkeypatch: pytest.MonkeyPatch, missing: str, out: set[str]
) -> None:
    """With one option of the sandbox taken away, the ways that it closes lead out."""
    options = sandbox.options

    def fewer(sandboxed: sandbox.Sandbox, rules: int) -> list[str]:
        words = options(sandboxed, rules)
        at = words.index(missing)
        return words[:at] + words[at + (2 if missing == "--seccomp" else 1) :]

    monkeypatch.setattr(sandbox, "options", fewer)
    with socket.create_server(("127.0.0.1", 0)) as server:
        reached = Targets({"proxy": server.getsockname()}, targets.sockets, targets.files, targets.hidden)
        tried = proof.attempts(reached)
    found = {name for name, why in tried.items() if not why}
    assert out <= found


def test_without_bubblewrap_it_says_how_to_get_it(targets: Targets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CannotIsolate) as raised:
        proof.attempts(targets)
    assert "apt-get install bubblewrap" in raised.value.hint
