"""discord.py, by its own HTTP client: every call signs in first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Expected, Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json({})


def namespace() -> Mapping[str, Any]:
    import asyncio

    from discord.http import HTTPClient

    def call(name: str, *arguments: Any, **more: Any) -> Any:
        async def made() -> Any:
            client = HTTPClient(asyncio.get_running_loop(), proxy=os.environ["HTTPS_PROXY"])
            await client.static_login("MTplaceholder.000000.0000000000000000000000000")
            try:
                return await getattr(client, name)(*arguments, **more)
            finally:
                await client.close()

        return asyncio.run(made())

    return {"call": call}


SUITE = Suite(
    name="discord",
    client="discord.py",
    version=lambda: version("discord.py"),
    hosts=("discord.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'call("get_message", 1, 2)',
            "discord_get_current_user",
            {},
            Expected("discord_get_message", {"channel_id": "1", "message_id": "2"}),
        ),
        case(
            'call("delete_message", 1, 2, reason="spam")',
            "discord_get_current_user",
            {},
            Expected("discord_delete_message", {"channel_id": "1", "message_id": "2"}),
        ),
        case(
            'call("delete_messages", 1, [2, 3])',
            "discord_get_current_user",
            {},
            Expected("discord_bulk_delete_messages", {"channel_id": "1"}),
        ),
        case(
            'call("get_guild", 1)',
            "discord_get_current_user",
            {},
            Expected("discord_get_guild", {"guild_id": "1"}),
        ),
        case(
            'call("get_members", 1, 10, None)',
            "discord_get_current_user",
            {},
            Expected("discord_list_guild_members", {"limit": 10}),
        ),
        case(
            'call("kick", 5, 1)',
            "discord_get_current_user",
            {},
            Expected("discord_kick_guild_member", {"user_id": "5"}),
        ),
        case(
            'call("ban", 5, 1)',
            "discord_get_current_user",
            {},
            Expected("discord_ban_guild_member", {"user_id": "5"}),
        ),
        case(
            'call("delete_channel", 1)',
            "discord_get_current_user",
            {},
            Expected("discord_delete_channel", {"channel_id": "1"}),
        ),
        case(
            'call("delete_role", 1, 9)',
            "discord_get_current_user",
            {},
            Expected("discord_delete_guild_role", {"role_id": "9"}),
        ),
        case(
            'call("add_reaction", 1, 2, "%F0%9F%91%8D")',
            "discord_get_current_user",
            {},
            Expected("discord_add_reaction", {"message_id": "2"}),
        ),
    ),
)
