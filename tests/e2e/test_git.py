"""git through the running proxy, from and to a real repository behind the name github.com."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from staging import apis
from staging.stage import Agent, Operator, Watch
from staging.world import World

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
WHO = ("-c", "user.name=t", "-c", "user.email=t@example.com")


@pytest.fixture(scope="module")
def repository(world: World) -> Path:
    """A bare repository behind the stand-in, with one commit."""
    bare, work = world.root / "git" / "acme" / "shop.git", world.root / "shop-work"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(world.root), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com",
        "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com",
    }  # fmt: skip
    for command in (
        ["git", "init", "-q", "-b", "main", str(work)],
        ["git", "-C", str(work), "commit", "-q", "--allow-empty", "-m", "first"],
        ["git", "clone", "-q", "--bare", str(work), str(bare)],
    ):
        subprocess.run(command, env=environment, check=True, capture_output=True)
    return bare


@pytest.fixture
def ahead(agent: Agent, repository: Path, tmp_path: Path) -> str:
    """A clone with a commit to push."""
    clone = str(tmp_path / "clone")
    agent.run("git", "clone", "https://github.com/acme/shop.git", clone)
    agent.run("git", *WHO, "-C", clone, "commit", "-q", "--allow-empty", "-m", "second")
    return clone


def test_clone_and_fetch(world: World, operator: Operator, agent: Agent, repository: Path) -> None:
    """By its SSH spelling, which is led to HTTPS; the login is the real token, in the tool's own form."""
    watch = Watch(operator, apis.GIT)
    ran = agent.run("git", "clone", "git@github.com:acme/shop.git", "clone")
    assert ran.code == 0, ran.said
    assert agent.run("git", "-C", "clone", "fetch").code == 0
    log = agent.run("git", "-C", "clone", "log", "--format=%s")
    assert log.out == "first\n"
    assert {seen.method for seen in watch.requests} == {"GET", "POST"}
    config = (agent.home / "clone/.git/config").read_text()
    assert world.keys["GITHUB_TOKEN"] not in config
    assert agent.environment["GITHUB_TOKEN"] not in config


def test_a_push_is_decided_by_its_refs(
    operator: Operator, agent: Agent, ahead: str, repository: Path
) -> None:
    """To a branch of its own the agent may push, also what is too large for git to send in one piece."""
    _grow(agent, ahead, 3 * 1024 * 1024)
    watch = Watch(operator, apis.GIT)
    ran = agent.run("git", "-C", ahead, "push", "origin", "HEAD:refs/heads/agent/x")
    assert ran.code == 0, ran.said
    assert watch.kinds("denied") == []
    refs = subprocess.run(["git", "-C", str(repository), "for-each-ref"], check=True, capture_output=True)
    assert b"refs/heads/agent/x" in refs.stdout


@pytest.mark.parametrize("size", [0, 900_000], ids=["small", "large"])
def test_a_refused_push_reaches_nobody(operator: Operator, agent: Agent, ahead: str, size: int) -> None:
    """Reading the refs is allowed, changing this one is not. git tells why, in its own words for that."""
    _grow(agent, ahead, size)
    watch = Watch(operator, apis.GIT)
    ran = agent.run("git", "-C", ahead, "push", "origin", "HEAD:main", "HEAD:refs/heads/agent/y")
    assert ran.code == 1
    assert "remote: wharfinger: No rule allows this. For git_push: refs must be" in ran.err, ran.said
    for ref in ("main", "agent/y"):
        assert f"! [remote rejected] HEAD -> {ref} (wharfinger: denied)" in ran.err
    assert watch.kinds("denied") == ["denied"]
    assert [(seen.method, seen.path) for seen in watch.requests] == [("GET", "/acme/shop.git/info/refs")]


@pytest.mark.parametrize(("version", "shown"), [("HTTP/1.1", "HTTP 403"), ("HTTP/2", "RPC failed")])
def test_a_refused_push_in_pieces_reaches_nobody(
    operator: Operator, agent: Agent, ahead: str, version: str, shown: str
) -> None:
    """After an answer with a good status git would send the next piece as a push of its own."""
    _grow(agent, ahead, 12_000_000)
    watch = Watch(operator, apis.GIT)
    ran = agent.run("git", "-c", f"http.version={version}", "-C", ahead, "push", "origin", "HEAD:main")
    assert ran.code == 1
    assert shown in ran.err
    assert watch.kinds("denied") == ["denied"]
    assert [seen.method for seen in watch.requests] == ["GET", "POST"], "the second is its empty try"


def _grow(agent: Agent, clone: str, size: int) -> None:
    """Another commit, with a file of so many bytes."""
    if size:
        Path(clone, "blob").write_bytes(os.urandom(size))
        for command in (["add", "blob"], [*WHO, "commit", "-q", "-m", "large"]):
            assert agent.run("git", "-C", clone, *command).code == 0


def test_a_branch_is_not_deleted(operator: Operator, agent: Agent, ahead: str, repository: Path) -> None:
    """A rule about deletions sees them, whatever the branch."""
    subprocess.run(["git", "-C", str(repository), "branch", "-f", "agent/kept", "main"], check=True)
    watch = Watch(operator, apis.GIT)
    ran = agent.run("git", "-C", ahead, "push", "origin", ":refs/heads/agent/kept")
    assert ran.code == 1
    assert "! [remote rejected] agent/kept (wharfinger: denied)" in ran.err
    assert watch.kinds("denied") == ["denied"]
    assert [seen.method for seen in watch.requests] == ["GET"]


def test_a_refusal_is_given_in_words(operator: Operator, agent: Agent, ahead: str) -> None:
    """Where git shows what it is told, it shows our reason; it does not try again."""
    watch = Watch(operator, apis.GIT)
    ran = agent.run("git", "-C", ahead, "push", "https://github.com/acme/closed.git", "main")
    assert ran.code != 0
    assert "remote: wharfinger: This repository is closed to agents" in ran.err
    assert not watch.connected
    assert watch.kinds() == ["denied"]
