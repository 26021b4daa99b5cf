"""git over smart HTTP, against a repository that is served by git's own http-backend."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cases import Expected, Suite, case
from recorder import Answer, Recorded

ROOT = Path(tempfile.gettempdir(), "wharfinger-corpus-git")
HOST = "https://x-access-token:ghp_placeholder00000000000000000000000000@github.com"
O = {"owner": "octo", "repo": "hello"}  # noqa: E741


def reply(request: Recorded) -> Answer:
    """Serve ROOT by git-http-backend, as a CGI program."""
    headers = {name.lower(): value for name, value in request.headers}
    if "authorization" not in headers:
        return Answer(b"", status=401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
    path, _, query = request.target.partition("?")
    environment = os.environ | {
        "GIT_PROJECT_ROOT": str(ROOT), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": request.method,
        "PATH_INFO": path, "QUERY_STRING": query, "CONTENT_TYPE": headers.get("content-type", ""),
        "REMOTE_USER": "ada", "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
    }  # fmt: skip
    done = subprocess.run(
        ["git", "http-backend"], input=request.body, env=environment, capture_output=True, check=True
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    return Answer(body, fields["Content-Type"], int(fields.get("Status", "200").split()[0]))


def git(arguments: str) -> None:
    """Run git in the working copy, with no configuration but its own."""
    environment = os.environ | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(
        ["git", *author, *arguments.split(" ")], cwd=ROOT, env=environment, check=True, capture_output=True
    )


def namespace() -> Mapping[str, Any]:
    """Make a bare repository with one commit on main."""
    import shutil

    shutil.rmtree(ROOT, ignore_errors=True)
    (ROOT / "seed").mkdir(parents=True)
    git("init -q seed")
    (ROOT / "seed" / "README.md").write_text("hello\n")
    git("-C seed add .")
    git("-C seed commit -q -m first")
    git("clone -q --bare seed octo/hello.git")
    git("-C octo/hello.git config http.receivepack true")
    return {"git": git}


def commit_and_push() -> str:
    return (
        "(git('-C work checkout -q -b feature'), git('-C work commit -q --allow-empty -m second'),"
        " git('-C work push -q origin feature'))"
    )


# Enough branches that git compresses what it wants (Content-Encoding: gzip above 1024 bytes).
MANY = (
    "([(git('-C seed commit -q --allow-empty -m more'), git(f'-C seed push -q ../octo/hello.git HEAD:refs/heads/b{i}'))"
    " for i in range(30)], git('-C work fetch -q origin'))"
)
FETCH = Expected("git_fetch", O)
SUITE = Suite(
    name="git",
    client="git",
    version=lambda: subprocess.run(["git", "--version"], check=True, capture_output=True, text=True).stdout.split()[2],
    hosts=("github.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(f'git("clone -q {HOST}/octo/hello.git work")', "git_fetch", O, FETCH,
             Expected("git_fetch", O), Expected("git_fetch", O)),
        case(f'git("ls-remote {HOST}/octo/hello.git")', "git_fetch", O, FETCH,
             Expected("git_fetch", O)),
        case(f'git("ls-remote {HOST}/octo/hello")', "git_fetch", O,
             Expected("git_fetch", O), Expected("git_fetch", O)),
        case(commit_and_push(), "git_fetch", O, Expected("git_fetch", O),
             Expected("git_push", O)),
        case(f'git("-C work push -q {HOST}/octo/hello HEAD:refs/heads/other")', "git_fetch", O,
             Expected("git_fetch", O), Expected("git_push", O)),
        case(MANY, "git_fetch", O, FETCH, Expected("git_fetch", O), Expected("git_fetch", O)),
    ),
)  # fmt: skip
