"""python-telegram-bot."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    message = {"message_id": 1, "date": 1700000000, "chat": {"id": 1, "type": "private"}}
    ends = request.target.rsplit("/", 1)[-1]
    kinds = {
        "getMe": {"id": 1, "is_bot": True, "first_name": "b", "username": "b"},
        "getUpdates": [],
        "sendMessage": message,
        "forwardMessage": message,
    }
    return Answer.json({"ok": True, "result": kinds.get(ends, True)})


def namespace() -> Mapping[str, Any]:
    import asyncio

    from telegram import Bot

    def call(name: str, *arguments: Any, **more: Any) -> Any:
        async def made() -> Any:
            bot = Bot("123456:placeholder-000000000000000000000000")
            await bot.request.initialize()
            return await getattr(bot, name)(*arguments, **more)

        return asyncio.run(made())

    return {"call": call}


SUITE = Suite(
    name="telegram",
    client="python-telegram-bot",
    version=lambda: version("python-telegram-bot"),
    hosts=("api.telegram.org",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'call("get_me")',
            "telegram_get_me",
            {},
        ),
        case(
            'call("send_message", 42, "hi")',
            "telegram_send_message",
            {"text": "hi"},
        ),
        case(
            'call("forward_message", 42, 43, 1)',
            "telegram_forward_message",
            {},
        ),
        case(
            'call("delete_message", 42, 1)',
            "telegram_delete_message",
            {},
        ),
        case(
            'call("ban_chat_member", 42, 7)',
            "telegram_ban_chat_member",
            {},
        ),
        case(
            'call("leave_chat", 42)',
            "telegram_leave_chat",
            {},
        ),
        case(
            'call("set_webhook", "https://example.com/h")',
            "telegram_set_webhook",
            {"url": "https://example.com/h"},
        ),
    ),
)
