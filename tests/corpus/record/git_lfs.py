"""git-lfs, which asks where large files are and locks them; a stand-in answers."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

import git_cli
from cases import Expected, Suite, case
from recorder import Answer, Recorded

O = {"owner": "octo", "repo": "hello"}  # noqa: E741
LOCK = {"id": "7", "path": "big.bin", "locked_at": "2026-01-14T12:00:00Z", "owner": {"name": "ada"}}


def reply(request: Recorded) -> Answer:
    """Has every file already, and one lock; the repository itself is served by git."""
    path = request.target.partition("?")[0]
    if "/info/lfs/" not in path:
        return git_cli.reply(request)
    if "authorization" not in {name.lower() for name, _ in request.headers}:
        return Answer(b"{}", status=401, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
    if path.endswith("/objects/batch"):
        held: Any = {"transfer": "basic", "objects": json.loads(request.body)["objects"]}
    elif path.endswith("/verify"):
        held = {"ours": [LOCK], "theirs": []}
    else:
        held = {"locks": [LOCK]} if request.method == "GET" else {"lock": LOCK}
    made = request.method == "POST" and path.endswith("/locks")
    return Answer(json.dumps(held).encode(), "application/vnd.git-lfs+json", 201 if made else 200)


def namespace() -> Mapping[str, Any]:
    """A working copy with one large file, the login of which is in the URL."""
    git_cli.namespace()
    git_cli.git("clone -q seed work")
    git_cli.git("-C work lfs install --local")
    git_cli.git("-C work lfs track *.bin --lockable")
    (git_cli.ROOT / "work" / "big.bin").write_bytes(b"\0" * 2048)
    git_cli.git("-C work add .")
    git_cli.git("-C work commit -q -m large")
    git_cli.git(f"-C work remote set-url origin {git_cli.HOST}/octo/hello.git")
    git_cli.git(f"-C work config lfs.{git_cli.HOST}/octo/hello.git/info/lfs.locksverify true")
    return {"git": git_cli.git, "lfs": lfs}


def lfs(arguments: str) -> None:
    """`git lfs …` in the working copy, whatever it ends with: the stand-in has no file to give."""
    if arguments.startswith("fetch"):
        shutil.rmtree(git_cli.ROOT / "work" / ".git" / "lfs" / "objects")
    subprocess.run(
        ["git", "lfs", *arguments.split(" ")],
        cwd=git_cli.ROOT / "work",
        check=False,
        capture_output=True,
        timeout=60,
    )


def _version() -> str:
    done = subprocess.run(["git", "lfs", "version"], check=True, capture_output=True, text=True)
    return done.stdout.split()[0].partition("/")[2]


SUITE = Suite(
    name="git_lfs",
    client="git-lfs",
    version=_version,
    hosts=("github.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case('lfs("push origin --all")', "git_fetch", O, Expected("git_fetch", O), Expected("git_fetch", O),
             Expected("git_lfs_verify_locks", O), Expected("git_lfs_upload", O)),
        case('lfs("locks")', "git_lfs_list_locks", O),
        case('lfs("lock big.bin")', "git_lfs_lock", O | {"path": "big.bin"}),
        case('lfs("unlock --id=7 --force")', "git_lfs_unlock", O | {"id": "7", "force": True}),
        case('lfs("fetch origin main")', "git_lfs_download", O),
    ),
)  # fmt: skip
