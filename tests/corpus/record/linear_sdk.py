"""The official SDK of Linear."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import javascript
from cases import Suite, case
from recorder import Answer, Recorded

SETUP = """
import { LinearClient } from "@linear/sdk";
const linear = new LinearClient({ apiKey: "lin_api_placeholder0000000000000000000000" });
"""


def reply(_: Recorded) -> Answer:
    """No data: what the SDK would read on from it is not asked for."""
    return Answer.json({"data": {}})


def _js(call: str, tool: str, inputs: dict[str, object] | None = None) -> object:
    return case(f"js({call!r})", tool, inputs)


SUITE = Suite(
    name="linear",
    client="@linear/sdk",
    version=lambda: javascript.version("@linear/sdk"),
    hosts=("api.linear.app",),
    namespace=lambda: javascript.namespace(SETUP),
    reply=reply,
    cases=(
        _js("linear.viewer", "linear_get_viewer"),
        _js('linear.issue("ENG-1")', "linear_get_issue", {"id": "ENG-1"}),
        _js("linear.issues({ first: 20 })", "linear_list_issues", {"first": 20}),
        _js('linear.searchIssues("crash")', "linear_search_issues", {"term": "crash"}),
        _js("linear.teams()", "linear_list_teams"),
        _js("linear.projects()", "linear_list_projects"),
        _js("linear.users()", "linear_list_users"),
        _js('linear.createIssue({ teamId: "t1", title: "It crashes", priority: 2 })', "linear_create_issue", {"teamId": "t1", "title": "It crashes", "priority": 2}),
        _js('linear.updateIssue("ENG-1", { stateId: "s1" })', "linear_update_issue", {"id": "ENG-1"}),
        _js('linear.createComment({ issueId: "ENG-1", body: "Seen" })', "linear_create_comment", {"issueId": "ENG-1", "body": "Seen"}),
        _js('linear.archiveIssue("ENG-1")', "linear_archive_issue", {"id": "ENG-1"}),
        _js('linear.deleteIssue("ENG-1")', "linear_delete_issue", {"id": "ENG-1"}),
        _js('linear.deleteTeam("t1")', "linear_delete_team", {"id": "t1"}),
        _js('linear.deleteComment("c1")', "linear_delete_comment", {"id": "c1"}),
    ),
)  # fmt: skip
