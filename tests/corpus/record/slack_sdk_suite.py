"""slack_sdk's `WebClient`: JSON for messages and views, forms for most other writes, GET for reads."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(_: Recorded) -> Answer:
    """`ok`, with the members that the client's helpers look at."""
    return Answer.json(
        {"ok": True, "ts": "1700000000.000100", "channel": "C1", "channels": [], "members": []}
    )


def namespace() -> Mapping[str, Any]:
    from slack_sdk import WebClient

    return {"slack": WebClient(token="xoxb-placeholder-0000000000")}


SUITE = Suite(
    name="slack",
    client="slack_sdk",
    version=lambda: version("slack_sdk"),
    hosts=("slack.com", "www.slack.com"),
    namespace=namespace,
    reply=reply,
    cases=(
        case("slack.auth_test()", "slack_test_auth", {}),
        case('slack.chat_postMessage(channel="C1", text="deploy *done*")', "slack_post_message",
             {"channel": "C1", "text": "deploy *done*"}),
        case('slack.chat_postMessage(channel="C1", text="see", thread_ts="1700000000.000100",'
             ' reply_broadcast=True, unfurl_links=False, blocks=[{"type": "section", "text":'
             ' {"type": "mrkdwn", "text": "*hi*"}}])', "slack_post_message",
             {"channel": "C1", "thread_ts": "1700000000.000100", "reply_broadcast": True}),
        case('slack.chat_postEphemeral(channel="C1", user="U1", text="only you")', "slack_post_ephemeral",
             {"user": "U1"}),
        case('slack.chat_scheduleMessage(channel="C1", post_at=1900000000, text="later")',
             "slack_schedule_message", {"post_at": 1900000000}),
        case('slack.chat_deleteScheduledMessage(channel="C1", scheduled_message_id="Q1")',
             "slack_delete_scheduled_message", {"scheduled_message_id": "Q1"}),
        case('slack.chat_update(channel="C1", ts="1700000000.000100", text="mended")', "slack_update_message",
             {"channel": "C1", "ts": "1700000000.000100", "text": "mended"}),
        case('slack.chat_delete(channel="C1", ts="1700000000.000100")', "slack_delete_message",
             {"channel": "C1", "ts": "1700000000.000100"}),
        case('slack.chat_getPermalink(channel="C1", message_ts="1700000000.000100")', "slack_get_permalink",
             {"message_ts": "1700000000.000100"}),
        case('slack.conversations_list(types="public_channel,private_channel", limit=200)',
             "slack_list_conversations", {"types": "public_channel,private_channel", "limit": 200}),
        case('slack.conversations_info(channel="C1")', "slack_get_conversation", {"channel": "C1"}),
        case('slack.conversations_history(channel="C1", limit=50, oldest="1700000000.000000")',
             "slack_get_history", {"channel": "C1", "limit": 50}),
        case('slack.conversations_replies(channel="C1", ts="1700000000.000100")', "slack_get_replies",
             {"channel": "C1"}),
        case('slack.conversations_members(channel="C1")', "slack_list_members", {"channel": "C1"}),
        case('slack.conversations_join(channel="C1")', "slack_join_conversation", {"channel": "C1"}),
        case('slack.conversations_leave(channel="C1")', "slack_leave_conversation", {"channel": "C1"}),
        case('slack.conversations_open(users=["U1", "U2"])', "slack_open_conversation", {"users": "U1,U2"}),
        case('slack.conversations_create(name="incident-7", is_private=True)', "slack_create_conversation",
             {"name": "incident-7"}),
        case('slack.conversations_invite(channel="C1", users=["U1"])', "slack_invite_to_conversation",
             {"channel": "C1", "users": "U1"}),
        case('slack.conversations_kick(channel="C1", user="U1")', "slack_remove_from_conversation",
             {"user": "U1"}),
        case('slack.conversations_setTopic(channel="C1", topic="Incident 7")', "slack_set_topic",
             {"topic": "Incident 7"}),
        case('slack.conversations_archive(channel="C1")', "slack_archive_conversation", {"channel": "C1"}),
        case("slack.users_list(limit=100)", "slack_list_users", {"limit": 100}),
        case('slack.users_info(user="U1")', "slack_get_user", {"user": "U1"}),
        case('slack.users_lookupByEmail(email="ada@example.com")', "slack_find_user_by_email",
             {"email": "ada@example.com"}),
        case('slack.reactions_add(channel="C1", name="eyes", timestamp="1700000000.000100")',
             "slack_add_reaction", {"name": "eyes"}),
        case('slack.reactions_remove(channel="C1", name="eyes", timestamp="1700000000.000100")',
             "slack_remove_reaction", {"name": "eyes"}),
        case('slack.pins_add(channel="C1", timestamp="1700000000.000100")', "slack_add_pin", {"channel": "C1"}),
        case('slack.search_messages(query="from:@ada deploy", count=20)', "slack_search_messages",
             {"query": "from:@ada deploy"}),
        case('slack.views_open(trigger_id="1.2.a", view={"type": "modal", "title": {"type": "plain_text",'
             ' "text": "T"}, "blocks": []})', "slack_open_view", {"trigger_id": "1.2.a"}),
        case('slack.files_info(file="F1")', "slack_get_file", {"file": "F1"}),
        case('slack.files_delete(file="F1")', "slack_delete_file", {"file": "F1"}),
    ),
)  # fmt: skip
