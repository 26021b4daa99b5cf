"""PyGithub; `lazy=True` keeps each call to the one request it is about."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cases import Expected, Suite, case
from recorder import Answer, Recorded

API = "https://api.github.com"
REPO = {
    "id": 1, "name": "hello", "full_name": "octo/hello", "url": f"{API}/repos/octo/hello", "owner": {"login": "octo"},
}  # fmt: skip
ISSUE = {"number": 7, "title": "t", "url": f"{API}/repos/octo/hello/issues/7"}
PULL = {"number": 5, "title": "t", "url": f"{API}/repos/octo/hello/pulls/5", "issue_url": ISSUE["url"]}
RELEASE = {
    "id": 9,
    "url": f"{API}/repos/octo/hello/releases/9",
    "upload_url": "https://uploads.github.com/repos/octo/hello/releases/9/assets{?name,label}",
}
LISTS = (
    "issues", "comments", "labels", "pulls", "files", "branches", "commits", "tags", "repos", "reviews",
    "notifications", "releases", "assignees",
)  # fmt: skip
KEYED = {"workflow_runs": "runs", "workflows": "workflows", "jobs": "jobs", "check_runs": "check-runs"}


def reply(request: Recorded) -> Answer:
    """The object a path names, or an empty list."""
    path = request.target.split("?")[0]
    parts = path.strip("/").split("/")
    if request.method == "DELETE" and "contents" not in parts:
        return Answer(b"", status=204)
    if parts[0] == "search":
        return Answer.json({"total_count": 0, "incomplete_results": False, "items": []})
    for key, last in KEYED.items():
        if parts[-1] == last:
            return Answer.json({"total_count": 0, key: []})
    if request.method == "GET" and parts[-1] in LISTS:
        return Answer.json([])
    return _object(request, path, parts)


def _object(request: Recorded, path: str, parts: list[str]) -> Answer:
    created = 201 if request.method == "POST" else 200
    if path.endswith(("/dispatches", "/reads")):
        return Answer(b"", status=204)
    if parts[-1] == "labels":
        return Answer.json([])
    if "contents" in parts:
        content = {
            "type": "file",
            "path": "docs/a b.md",
            "sha": "f" * 40,
            "encoding": "base64",
            "content": "",
        }
        changed = {"content": content, "commit": {"sha": "c" * 40}}
        return Answer.json(content if request.method == "GET" else changed)
    if "/releases" in path:
        return Answer.json(RELEASE, created)
    if "/pulls" in path and "comments" not in parts:
        merged = {"merged": True, "sha": "c" * 40, "message": "ok"}
        return Answer.json(merged if parts[-1] == "merge" else PULL, created)
    if "/issues" in path and "comments" not in parts:
        return Answer.json(ISSUE, created)
    plain = {"id": 1, "url": f"{API}{path}", "login": "octo", "name": parts[-1]}
    if "/git/refs" in path:
        return Answer.json({**plain, "ref": "refs/heads/x", "object": {"sha": "c" * 40}}, created)
    if parts[0] in ("repos", "user", "orgs") and (len(parts) == 3 or parts[-1] in ("repos", "forks")):
        return Answer.json(REPO, created)
    return Answer.json(plain, created)


def namespace() -> Mapping[str, Any]:
    import github

    gh = github.Github(auth=github.Auth.Token("ghp_placeholder00000000000000000000000000"), lazy=True)
    asset = Path(tempfile.gettempdir(), "wharfinger-corpus-asset.bin")
    asset.write_bytes(bytes(range(256)))
    requester = gh.requester
    return {
        "gh": gh,
        "repo": gh.get_repo("octo/hello"),
        "issue": gh.get_repo("octo/hello").get_issue(7),
        "pull": gh.get_repo("octo/hello").get_pull(5),
        "comment": github.IssueComment.IssueComment(
            requester, {}, {"url": f"{API}/repos/octo/hello/issues/comments/3"}, completed=True
        ),
        "release": github.GitRelease.GitRelease(requester, {}, RELEASE, completed=True),
        "workflow": github.Workflow.Workflow(
            requester, {}, {"url": f"{API}/repos/octo/hello/actions/workflows/4", "id": 4}, completed=True
        ),
        "run": github.WorkflowRun.WorkflowRun(
            requester, {}, {"url": f"{API}/repos/octo/hello/actions/runs/6", "rerun_url":
            f"{API}/repos/octo/hello/actions/runs/6/rerun", "cancel_url":
            f"{API}/repos/octo/hello/actions/runs/6/cancel", "jobs_url":
            f"{API}/repos/octo/hello/actions/runs/6/jobs"}, completed=True
        ),
        "commit": github.Commit.Commit(
            requester, {}, {"url": f"{API}/repos/octo/hello/commits/{'c' * 40}"}, completed=True
        ),
        "ref": github.GitRef.GitRef(
            requester, {}, {"url": f"{API}/repos/octo/hello/git/refs/heads/feature/x"}, completed=True
        ),
        "asset": str(asset),
        "github": github,
    }  # fmt: skip


O = {"owner": "octo", "repo": "hello"}  # noqa: E741

SUITE = Suite(
    name="github",
    client="PyGithub",
    version=lambda: version("PyGithub"),
    hosts=("api.github.com", "uploads.github.com"),
    namespace=namespace,
    reply=reply,
    cases=(
        case("gh.get_user().login", "github_get_authenticated_user", {}),
        case('gh.get_user("ada").name', "github_get_user", {"username": "ada"}),
        case('github.Github(auth=gh.requester.auth).get_repo("octo/hello")', "github_get_repo", O),
        case("list(gh.get_user().get_repos(sort='updated'))", "github_list_my_repos", {}),
        case('list(gh.get_user("ada").get_repos())', "github_get_user", {"username": "ada"},
             Expected("github_list_user_repos", {"username": "ada"})),
        case('gh.get_user().create_repo("new", private=True, description="d")', "github_create_repo",
             {"name": "new", "private": True}),
        case("repo.create_fork()", "github_create_fork", O),
        case("repo.delete()", "github_delete_repo", O),
        case('repo.edit(description="new", has_wiki=False)', "github_update_repo",
             O | {"description": "new", "has_wiki": False}),
        case('list(repo.get_issues(state="open", labels=["bug"]))', "github_list_issues",
             O | {"state": "open", "labels": "bug"}),
        case("github.Github(auth=gh.requester.auth).get_repo('octo/hello', lazy=True).get_issue(7).title",
             "github_get_issue", O | {"number": 7}),
        case('repo.create_issue(title="It broke", body="Steps…", labels=["bug", "p1"], assignees=["ada"])',
             "github_create_issue", O | {"title": "It broke", "body": "Steps…", "labels": ["bug", "p1"]}),
        case('repo.create_issue("Only a title")', "github_create_issue", O | {"title": "Only a title"}),
        case('issue.edit(state="closed", state_reason="completed")', "github_update_issue",
             O | {"number": 7, "state": "closed"}),
        case('issue.edit(title="Better", labels=["bug"], body="x", assignees=[])', "github_update_issue",
             O | {"title": "Better", "assignees": []}),
        case('issue.lock("resolved")', "github_lock_issue", O | {"number": 7, "lock_reason": "resolved"}),
        case("list(issue.get_comments())", "github_list_issue_comments", O | {"number": 7}),
        case('issue.create_comment("Thanks!")', "github_create_issue_comment",
             O | {"number": 7, "body": "Thanks!"}),
        case('comment.edit("Edited")', "github_update_issue_comment", O | {"comment": 3, "body": "Edited"}),
        case("comment.delete()", "github_delete_issue_comment", O | {"comment": 3}),
        case('issue.add_to_labels("bug", "good first issue")', "github_add_labels",
             O | {"labels": ["bug", "good first issue"]}),
        case('issue.remove_from_labels("good first issue")', "github_remove_label",
             O | {"label": "good first issue"}),
        case('issue.add_to_assignees("ada")', "github_add_assignees", O | {"assignees": ["ada"]}),
        case("list(repo.get_labels())", "github_list_labels", O),
        case('list(repo.get_pulls(state="open", sort="created", base="main"))', "github_list_pulls",
             O | {"base": "main"}),
        case("github.Github(auth=gh.requester.auth).get_repo('octo/hello', lazy=True).get_pull(5).title",
             "github_get_pull", O | {"number": 5}),
        case('repo.create_pull(base="main", head="octo:feature", title="Add", body="Why", draft=True)',
             "github_create_pull", O | {"base": "main", "head": "octo:feature", "draft": True}),
        case('pull.edit(title="Add it", state="closed")', "github_update_pull", O | {"title": "Add it"}),
        case("list(pull.get_files())", "github_list_pull_files", O | {"number": 5}),
        case("list(pull.get_commits())", "github_list_pull_commits", O | {"number": 5}),
        case('pull.create_review(body="LGTM", event="APPROVE")', "github_create_review",
             O | {"number": 5, "event": "APPROVE"}),
        case('pull.create_review_request(reviewers=["ada"])', "github_request_reviewers",
             O | {"reviewers": ["ada"]}),
        case('pull.merge(merge_method="squash", commit_title="Add it (#5)")', "github_merge_pull",
             O | {"number": 5, "merge_method": "squash"}),
        case('repo.get_contents("docs/a b.md", ref="main")', "github_get_contents",
             O | {"path": "docs/a b.md", "ref": "main"}),
        case('repo.get_readme()', "github_get_readme", O),
        case('repo.create_file("docs/new.md", "Add docs", "text", branch="docs")', "github_put_contents",
             O | {"path": "docs/new.md", "message": "Add docs", "branch": "docs"}),
        case('repo.update_file("docs/new.md", "Mend docs", "text 2", "f" * 40)', "github_put_contents",
             O | {"path": "docs/new.md", "sha": "f" * 40}),
        case('repo.delete_file("docs/new.md", "Drop docs", "f" * 40, branch="docs")', "github_delete_contents",
             O | {"path": "docs/new.md", "branch": "docs"}),
        case("list(repo.get_branches())", "github_list_branches", O),
        case('repo.get_branch("main")', "github_get_branch", O | {"branch": "main"}),
        case('repo.create_git_ref("refs/heads/feature/x", "c" * 40)', "github_create_ref",
             O | {"ref": "refs/heads/feature/x"}),
        case('ref.edit("c" * 40, force=True)', "github_update_ref",
             O | {"ref": "heads/feature/x", "force": True}),
        case("ref.delete()", "github_delete_ref", O | {"ref": "heads/feature/x"}),
        case("list(repo.get_commits(sha='main', path='docs'))", "github_list_commits", O | {"sha": "main"}),
        case('repo.get_commit("c" * 40).stats', "github_get_commit", O | {"ref": "c" * 40}),
        case('repo.compare("main", "feature").total_commits', "github_compare", O | {"basehead": "main...feature"}),
        case('list(gh.search_issues("crash repo:octo/hello is:open"))', "github_search_issues",
             {"q": "crash repo:octo/hello is:open"}),
        case('list(gh.search_code("def main language:python"))', "github_search_code",
             {"q": "def main language:python"}),
        case('list(gh.search_repositories("proxy"))', "github_search_repos", {"q": "proxy"}),
        case('list(repo.get_workflow_runs(branch="main"))', "github_list_workflow_runs",
             O | {"branch": "main"}),
        case('workflow.create_dispatch("main", {"env": "staging"})', "github_dispatch_workflow",
             O | {"workflow": "4", "ref": "main", "inputs": {"env": "staging"}}),
        case("run.rerun()", "github_rerun_workflow", O | {"run": 6}),
        case("run.cancel()", "github_cancel_workflow_run", O | {"run": 6}),
        case("list(repo.get_releases())", "github_list_releases", O),
        case('repo.create_git_release("v1", name="One", message="Notes", draft=True)', "github_create_release",
             O | {"tag_name": "v1", "draft": True}),
        case('release.upload_asset(asset, name="a.bin", content_type="application/octet-stream")',
             "github_upload_release_asset", O | {"release": 9, "name": "a.bin"}),
        case("release.delete_release()", "github_delete_release", O | {"release": 9}),
        case("list(gh.get_user().get_notifications())", "github_list_notifications", {}),
        case('gh.get_user().create_gist(False, {"a.txt": github.InputFileContent("x")}, "d")',
             "github_create_gist", {"public": False, "description": "d"}),
        case("list(pull.get_reviews())", "github_list_reviews", O | {"number": 5}),
        case('repo.get_git_tree("main", recursive=True).sha', "github_get_tree", O | {"tree": "main"}),
        case("repo.get_latest_release().tag_name", "github_get_latest_release", O),
        case('repo.get_contents("")', "github_list_root", O),
        case("list(gh.get_organization('acme').get_repos())", "github_list_org_repos", {"org": "acme"}),
        case("repo.get_workflow_run(6).status", "github_get_workflow_run", O | {"run": 6}),
        case("list(run.jobs())", "github_list_workflow_jobs", O | {"run": 6}),
        case("commit.get_combined_status().state", "github_get_commit_status", O | {"ref": "c" * 40}),
        case("list(commit.get_check_runs())", "github_list_check_runs", O | {"ref": "c" * 40}),
        case("gh.get_rate_limit().rate", "github_get_rate_limit", {}),
    ),
)  # fmt: skip
