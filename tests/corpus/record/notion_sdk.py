"""notion-client."""

# ruff: noqa: E501 (calls stand as users write them)
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
    from notion_client import Client

    return {"notion": Client(auth="ntn_placeholder0000000000000000")}


SUITE = Suite(
    name="notion",
    client="notion-client",
    version=lambda: version("notion-client"),
    hosts=("api.notion.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            "notion.users.me()",
            "notion_get_self",
            {},
        ),
        case(
            "notion.users.list(page_size=5)",
            "notion_list_users",
            {"page_size": 5},
        ),
        case(
            'notion.search(query="road map", page_size=3)',
            "notion_create_search",
            {"query": "road map"},
        ),
        case(
            'notion.pages.retrieve("p1")',
            "notion_get_page",
            {"page_id": "p1"},
        ),
        case(
            'notion.pages.create(parent={"page_id": "p1"}, properties={"title": [{"text": {"content": "T"}}]})',
            "notion_create_page",
            {},
        ),
        case(
            'notion.pages.update("p1", archived=True)',
            "notion_update_page",
            {"page_id": "p1", "archived": True},
        ),
        case(
            'notion.blocks.children.list("b1")',
            "notion_get_block_children",
            {"block_id": "b1"},
        ),
        case(
            'notion.blocks.children.append("b1", children=[{"object": "block"}])',
            "notion_update_block_children",
            {"block_id": "b1"},
        ),
        case(
            'notion.blocks.delete("b1")',
            "notion_delete_block",
            {"block_id": "b1"},
        ),
        case(
            'notion.comments.create(parent={"page_id": "p1"}, rich_text=[{"text": {"content": "hi"}}])',
            "notion_create_comment",
            {},
        ),
        case(
            'notion.data_sources.query("d1", page_size=2)',
            "notion_query_data_source",
            {"page_size": 2},
        ),
    ),
)
