"""Zenpy."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json(
        {
            "ticket": {"id": 1, "subject": "s"},
            "user": {"id": 1},
            "audit": {"id": 1, "events": []},
            "tickets": [],
            "comments": [],
            "users": [],
            "results": [],
            "count": 0,
        }
    )


def namespace() -> Mapping[str, Any]:
    from zenpy import Zenpy
    from zenpy.lib.api_objects import Comment, Ticket, User

    held = Zenpy(subdomain="acme", email="a@example.com", token="zendesk-placeholder-0000000000")
    return {"zd": held, "Ticket": Ticket, "Comment": Comment, "User": User}


SUITE = Suite(
    name="zendesk",
    client="zenpy",
    version=lambda: version("zenpy"),
    hosts=("acme.zendesk.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            "zd.tickets(id=1)",
            "zendesk_get_ticket",
            {"id": "1"},
        ),
        case(
            'zd.tickets.create(Ticket(subject="s", description="d"))',
            "zendesk_create_ticket",
            {},
        ),
        case(
            'zd.tickets.update(Ticket(id=1, status="solved"))',
            "zendesk_update_ticket",
            {"id": "1"},
        ),
        case(
            "zd.tickets.delete(Ticket(id=1))",
            "zendesk_delete_ticket",
            {"id": "1"},
        ),
        case(
            "zd.tickets.comments(ticket=1)",
            "zendesk_list_ticket_comments",
            {"id": "1"},
        ),
        case(
            "zd.users.me()",
            "zendesk_get_current_user",
            {},
        ),
        case(
            'zd.users.create(User(name="A", email="a@example.com"))',
            "zendesk_create_user",
            {},
        ),
        case(
            "zd.users.delete(User(id=1))",
            "zendesk_delete_user",
            {"id": "1"},
        ),
        case(
            'list(zd.search("open", type="ticket"))',
            "zendesk_search",
            {},
        ),
    ),
)
