"""msgraph-sdk: mail, calendar and files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json({"value": [], "id": "1"}, 204 if request.method == "DELETE" else 200)


def namespace() -> Mapping[str, Any]:
    import asyncio

    from azure.core.credentials import AccessToken
    from msgraph import GraphServiceClient
    from msgraph.generated.models.event import Event
    from msgraph.generated.models.message import Message
    from msgraph.generated.users.item.send_mail.send_mail_post_request_body import SendMailPostRequestBody

    class Held:
        """A credential that has its token already."""

        def get_token(self, *_: Any, **__: Any) -> Any:
            return AccessToken("eyJ0placeholder000000000000", 4_000_000_000)

    def call(made: Any) -> Any:
        client = GraphServiceClient(Held())
        # As it comes it asks for /v1.0//me, with an empty segment, which the proxy refuses.
        client.request_adapter.base_url = "https://graph.microsoft.com/v1.0"
        return asyncio.run(made(client))

    return {"call": call, "Message": Message, "Event": Event, "Mail": SendMailPostRequestBody}


SUITE = Suite(
    name="msgraph",
    client="msgraph-sdk",
    version=lambda: version("msgraph-sdk"),
    hosts=("graph.microsoft.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            "call(lambda g: g.me.get())",
            "msgraph_get_me_user",
            {},
        ),
        case(
            "call(lambda g: g.me.messages.get())",
            "msgraph_list_me_messages",
            {},
        ),
        case(
            'call(lambda g: g.me.messages.by_message_id("m1").get())',
            "msgraph_get_me_messages",
            {"message_id": "m1"},
        ),
        case(
            'call(lambda g: g.me.messages.by_message_id("m1").delete())',
            "msgraph_delete_me_messages",
            {"message_id": "m1"},
        ),
        case(
            'call(lambda g: g.me.messages.post(Message(subject="s")))',
            "msgraph_create_me_messages",
            {"subject": "s"},
        ),
        case(
            'call(lambda g: g.me.send_mail.post(Mail(message=Message(subject="s"))))',
            "msgraph_send_me_mail",
            {},
        ),
        case(
            'call(lambda g: g.me.events.post(Event(subject="s")))',
            "msgraph_create_me_events",
            {"subject": "s"},
        ),
        case(
            'call(lambda g: g.me.events.by_event_id("e1").delete())',
            "msgraph_delete_me_events",
            {"event_id": "e1"},
        ),
        case(
            'call(lambda g: g.drives.by_drive_id("d1").items.by_drive_item_id("i1").children.get())',
            "msgraph_list_item_children",
            {"drive_id": "d1"},
        ),
        case(
            'call(lambda g: g.drives.by_drive_id("d1").items.by_drive_item_id("i1").delete())',
            "msgraph_delete_drive_items",
            {"driveItem_id": "i1"},
        ),
        case(
            'call(lambda g: g.users.by_user_id("u1").delete())',
            "msgraph_delete_user",
            {"user_id": "u1"},
        ),
        case(
            'call(lambda g: g.groups.by_group_id("g1").delete())',
            "msgraph_delete_group",
            {"group_id": "g1"},
        ),
    ),
)
