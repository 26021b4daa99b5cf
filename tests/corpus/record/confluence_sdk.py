"""atlassian-python-api on Confluence Cloud."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json({})


def namespace() -> Mapping[str, Any]:
    from atlassian import Confluence

    return {
        "confluence": Confluence(
            "https://acme.atlassian.net/wiki/rest/api",
            username="a@example.com",
            password="confluence-placeholder-000000",
            cloud=True,
        )
    }


SUITE = Suite(
    name="confluence",
    client="atlassian-python-api",
    version=lambda: version("atlassian-python-api"),
    hosts=("acme.atlassian.net",),
    namespace=namespace,
    reply=reply,
    cases=(
        case('confluence.get_content("12")', "confluence_get_content", {"id": "12"}),
        case(
            'confluence.get_page_by_title("ENG", "Home")',
            "confluence_list_content",
            {"spaceKey": "ENG", "title": "Home"},
        ),
        case(
            'confluence.create_content({"type": "page", "title": "T", "space": {"key": "ENG"}, "body": {}})',
            "confluence_create_content",
            {"title": "T"},
        ),
        case('confluence.delete_content("12")', "confluence_delete_content", {"id": "12"}),
        case(
            'confluence.cql("type=page", limit=3)', "confluence_search_content_by_cql", {"cql": "type=page"}
        ),
        case("confluence.get_current_user()", "confluence_get_current_user", {}),
    ),
)
