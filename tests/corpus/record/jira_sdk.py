"""jira, the Python library, on Jira Cloud."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Expected, Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json(
        {
            "id": "1",
            "key": "ACME-1",
            "self": "https://acme.atlassian.net/rest/api/3/issue/1",
            "fields": {},
            "comments": [],
            "transitions": [{"id": "5", "name": "Done", "to": {}}],
            "issues": [],
        }
    )


def namespace() -> Mapping[str, Any]:
    from jira import JIRA

    options = {"server": "https://acme.atlassian.net", "rest_api_version": "3"}
    held = JIRA(
        options=options,
        basic_auth=("a@example.com", "jira-placeholder-0000000000"),
        get_server_info=False,
        max_retries=0,
    )
    return {"jira": held}


SUITE = Suite(
    name="jira",
    client="jira",
    version=lambda: version("jira"),
    hosts=("acme.atlassian.net",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'jira.issue("ACME-1", fields="summary")',
            "jira_get_issue",
            {"issueIdOrKey": "ACME-1", "fields": ["summary"]},
        ),
        case(
            'jira.create_issue(fields={"project": {"key": "ACME"}, "summary": "S", "issuetype": {"name": "Task"}})',
            "jira_create_issue",
            {},
            Expected("jira_get_issue", {"issueIdOrKey": "ACME-1"}),
        ),
        case(
            'jira.add_comment("ACME-1", "hello")',
            "jira_add_comment",
            {"issueIdOrKey": "ACME-1"},
        ),
        case(
            'jira.transitions("ACME-1")',
            "jira_list_issue_transitions",
            {"issueIdOrKey": "ACME-1"},
        ),
        case(
            'jira.project("ACME")',
            "jira_get_project",
            {"projectIdOrKey": "ACME"},
        ),
        case(
            'jira.delete_project("ACME")',
            "jira_delete_project",
            {"projectIdOrKey": "ACME"},
        ),
        case(
            'jira.issue("ACME-1").delete()',
            "jira_get_issue",
            {"issueIdOrKey": "ACME-1"},
            Expected("jira_delete_issue", {"issueIdOrKey": "1"}),
        ),
        case(
            "jira.myself()",
            "jira_get_current_user",
            {},
        ),
    ),
)
