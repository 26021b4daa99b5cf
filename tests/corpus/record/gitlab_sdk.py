"""python-gitlab: projects by number and by path."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    lists = (
        request.method == "GET" and request.target.split("?")[0].rsplit("/", 1)[-1].replace("_", "").isalpha()
    )
    return Answer.json(
        [] if lists else {"id": 1, "iid": 3, "name": "x", "file_path": "a.txt", "branch": "main"}
    )


def namespace() -> Mapping[str, Any]:
    import gitlab

    client = gitlab.Gitlab("https://gitlab.com", private_token="glpat-placeholder0000000000")
    project = client.projects.get(7, lazy=True)
    return {"gl": client, "project": project, "issue": project.issues.get(3, lazy=True)}


SUITE = Suite(
    name="gitlab",
    client="python-gitlab",
    version=lambda: version("python-gitlab"),
    hosts=("gitlab.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'gl.projects.get("acme/shop")',
            "gitlab_get_project",
            {"id": "acme/shop"},
        ),
        case(
            "gl.projects.list(owned=True, get_all=False)",
            "gitlab_list_projects",
            {"owned": "True"},
        ),
        case(
            'gl.projects.create({"name": "shop"})',
            "gitlab_create_project",
            {"name": "shop"},
        ),
        case(
            "gl.projects.delete(7)",
            "gitlab_delete_project",
            {"id": "7"},
        ),
        case(
            "project.branches.list(get_all=False)",
            "gitlab_list_repository_branches",
            {"project_id": "7"},
        ),
        case(
            'project.branches.create({"branch": "feature", "ref": "main"})',
            "gitlab_create_repository_branch",
            {"branch": "feature", "ref": "main"},
        ),
        case(
            'project.branches.delete("feature/x")',
            "gitlab_delete_repository_branch",
            {"name": "feature/x"},
        ),
        case(
            'project.mergerequests.create({"source_branch": "a", "target_branch": "main", "title": "T"})',
            "gitlab_create_project_merge_request",
            {"title": "T"},
        ),
        case(
            'project.mergerequests.list(state="opened", get_all=False)',
            "gitlab_list_project_merge_requests",
            {"state": "opened"},
        ),
        case(
            "project.commits.list(get_all=False)",
            "gitlab_list_repository_commits",
            {"project_id": "7"},
        ),
        case(
            'project.files.create({"file_path": "docs/a.txt", "branch": "main", "content": "hi", "commit_message": "Add"})',
            "gitlab_update_repository_file",
            {"file_path": "docs/a.txt"},
        ),
        case(
            'project.tags.create({"tag_name": "v1", "ref": "main"})',
            "gitlab_create_repository_tag",
            {"tag_name": "v1"},
        ),
        case(
            "project.pipelines.list(get_all=False)",
            "gitlab_list_project_pipelines",
            {"project_id": "7"},
        ),
    ),
)
