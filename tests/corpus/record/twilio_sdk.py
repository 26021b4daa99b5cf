"""The official Python library of Twilio."""

# ruff: noqa: E501 (calls stand as users write them)
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
            "sid": "SM1",
            "messages": [],
            "calls": [],
            "page_size": 2,
            "next_page_uri": None,
            "uri": "/x",
            "meta": {"key": "messages"},
        },
        204 if request.method == "DELETE" else 201 if request.method == "POST" else 200,
    )


def namespace() -> Mapping[str, Any]:
    from twilio.rest import Client

    return {"twilio": Client("AC00000000000000000000000000000000", "twilio-placeholder-0000000000")}


SUITE = Suite(
    name="twilio",
    client="twilio",
    version=lambda: version("twilio"),
    hosts=("api.twilio.com", "verify.twilio.com"),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'twilio.messages.create(to="+15005550006", from_="+15005550001", body="hi")',
            "twilio_create_message",
            {"To": "+15005550006", "Body": "hi"},
        ),
        case(
            "twilio.messages.list(limit=2)",
            "twilio_list_message",
            {},
        ),
        case(
            'twilio.messages("SM00000000000000000000000000000001").fetch()',
            "twilio_get_message",
            {},
        ),
        case(
            'twilio.messages("SM00000000000000000000000000000001").delete()',
            "twilio_delete_message_json",
            {},
        ),
        case(
            'twilio.calls.create(to="+15005550006", from_="+15005550001", url="https://example.com/v.xml")',
            "twilio_create_call",
            {"To": "+15005550006"},
        ),
        case(
            'twilio.incoming_phone_numbers("PN00000000000000000000000000000001").delete()',
            "twilio_delete_incoming_phone_number_json",
            {},
        ),
        case(
            'twilio.api.v2010.accounts("AC00000000000000000000000000000000").update(status="closed")',
            "twilio_update_account",
            {"Status": "closed"},
        ),
        case(
            'twilio.verify.v2.services("VA00000000000000000000000000000001").verifications.create(to="+15005550006", channel="sms")',
            "twilio_verify_create_verification",
            {"Channel": "sms"},
        ),
    ),
)
