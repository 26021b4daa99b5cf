"""The official Python library of SendGrid."""

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
    from sendgrid import SendGridAPIClient
    from sendgrid.helpers.mail import Mail

    return {"sg": SendGridAPIClient("SG.placeholder000000000000"), "Mail": Mail}


SUITE = Suite(
    name="sendgrid",
    client="sendgrid",
    version=lambda: version("sendgrid"),
    hosts=("api.sendgrid.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'sg.send(Mail("a@example.com", "b@example.com", "S", "<p>b</p>"))',
            "sendgrid_send_mail",
            {"subject": "S"},
        ),
        case(
            "sg.client.api_keys.get()",
            "sendgrid_list_api_keys",
            {},
        ),
        case(
            'sg.client.api_keys.post(request_body={"name": "k"})',
            "sendgrid_create_keys",
            {"name": "k"},
        ),
        case(
            'sg.client.api_keys._("k1").delete()',
            "sendgrid_delete_api_key",
            {"api_key_id": "k1"},
        ),
        case(
            'sg.client.templates._("t1").delete()',
            "sendgrid_delete_template",
            {"template_id": "t1"},
        ),
        case(
            'sg.client.suppression.bounces.delete(request_body={"delete_all": True})',
            "sendgrid_delete_suppression_bounces",
            {"delete_all": True},
        ),
    ),
)
