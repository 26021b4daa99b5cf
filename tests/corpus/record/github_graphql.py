"""PyGithub where it speaks GraphQL: what REST has no request for."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(_: Recorded) -> Answer:
    """No data; what the client would read of it is no matter here."""
    return Answer.json({"data": {}})


def namespace() -> Mapping[str, Any]:
    """A client, and a comment and a pull request that need not be fetched."""
    import github
    from github.IssueComment import IssueComment
    from github.PullRequest import PullRequest

    hub = github.Github(auth=github.Auth.Token("ghp_placeholder00000000000000000000000000"), retry=None)

    def sent(call: Any) -> None:
        """Make a call, and do not care for what becomes of the empty answer."""
        try:
            call()
        except (KeyError, TypeError, AssertionError):
            return

    comment = IssueComment(hub.requester, {}, {"node_id": "IC_1"}, completed=True)
    pull = PullRequest(hub.requester, {}, {"node_id": "PR_1"}, completed=True)
    return {"hub": hub, "comment": comment, "pull": pull, "sent": sent}


QUERY = "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { id } }"
SUITE = Suite(
    name="github_graphql",
    client="PyGithub",
    version=lambda: version("PyGithub"),
    hosts=("api.github.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case('sent(lambda: comment.minimize("SPAM"))', "github_graphql_minimize_comment", {"subjectId": "IC_1"}),
        case("sent(lambda: comment.unminimize())", "github_graphql_unminimize_comment", {"subjectId": "IC_1"}),
        case('sent(lambda: pull.enable_automerge("SQUASH"))', "github_graphql_enable_pull_request_auto_merge", {"pullRequestId": "PR_1"}),
        case("sent(lambda: pull.disable_automerge())", "github_graphql_disable_pull_request_auto_merge", {"pullRequestId": "PR_1"}),
        case("sent(lambda: pull.convert_to_draft())", "github_graphql_convert_pull_request_to_draft", {"pullRequestId": "PR_1"}),
        case("sent(lambda: pull.mark_ready_for_review())", "github_graphql_mark_pull_request_ready_for_review", {"pullRequestId": "PR_1"}),
        case(f'sent(lambda: hub.requester.graphql_query("{QUERY}", {{"owner": "octo", "name": "hello"}}))', "github_graphql_get_repository", {"owner": "octo", "name": "hello"}),
        case('sent(lambda: hub.requester.graphql_named_mutation("deleteIssue", {"issueId": "I_1"}, "clientMutationId"))', "github_graphql_delete_issue", {"issueId": "I_1"}),
    ),
)  # fmt: skip
