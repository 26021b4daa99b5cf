"""git at GitLab, Bitbucket and Codeberg, against a repository that git's own http-backend serves."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import git_cli
from cases import Case, Expected, Suite, case

GITLAB = "https://oauth2:glpat-placeholder0000000000@gitlab.com"
BITBUCKET = "https://x-token-auth:bb-placeholder-00000000000000@bitbucket.org"
CODEBERG = "https://ada:cb-placeholder-00000000000000@codeberg.org"


def namespace() -> Mapping[str, Any]:
    """The repository of `git_cli`, a copy of it in a subgroup, and a working copy."""
    git_cli.namespace()
    git_cli.git("clone -q --bare seed octo/tools/hello.git")
    git_cli.git("-C octo/tools/hello.git config http.receivepack true")
    git_cli.git("clone -q seed work")
    return {"git": git_cli.git}


def both(host: str, path: str, prefix: str, suffix: str, inputs: Mapping[str, Any]) -> tuple[Case, Case]:
    """To read the refs of a repository, and to push a branch to it."""
    fetch, push = f"{prefix}_git_fetch{suffix}", f"{prefix}_git_push{suffix}"
    return (
        case(f'git("ls-remote {host}/{path}.git")', fetch, inputs, Expected(fetch, inputs), Expected(fetch, inputs)),
        case(f'git("-C work push -q {host}/{path}.git HEAD:refs/heads/{prefix}")', fetch, inputs,
             Expected(fetch, inputs), Expected(push, inputs)),
    )  # fmt: skip


SUITE = Suite(
    name="git_hosts",
    client="git",
    version=git_cli.SUITE.version,
    hosts=("gitlab.com", "bitbucket.org", "codeberg.org"),
    namespace=namespace,
    reply=git_cli.reply,
    cases=(
        *both(GITLAB, "octo/hello", "gitlab", "", {"owner": "octo", "repo": "hello"}),
        *both(
            GITLAB,
            "octo/tools/hello",
            "gitlab",
            "_in_group",
            {"group": "octo", "subgroup": "tools", "repo": "hello"},
        ),
        *both(BITBUCKET, "octo/hello", "bitbucket", "", {"workspace": "octo", "repo": "hello"}),
        *both(CODEBERG, "octo/hello", "codeberg", "", {"owner": "octo", "repo": "hello"}),
    ),
)
