"""The official Python library of PagerDuty."""

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
            "incidents": [],
            "incident": {"id": "P1"},
            "services": [],
            "service": {"id": "S1"},
            "users": [],
            "user": {"id": "U1"},
            "note": {"id": "N1"},
            "more": False,
            "schedule": {"id": "C1"},
        }
    )


def namespace() -> Mapping[str, Any]:
    import pagerduty

    return {"pd": pagerduty.RestApiV2Client("pd-placeholder-00000000", default_from="a@example.com")}


SUITE = Suite(
    name="pagerduty",
    client="pagerduty",
    version=lambda: version("pagerduty"),
    hosts=("api.pagerduty.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'pd.list_all("incidents", params={"statuses[]": ["triggered"]})',
            "pagerduty_list_incidents",
            {},
        ),
        case(
            'pd.rget("/incidents/P1")',
            "pagerduty_get_incident",
            {"id": "P1"},
        ),
        case(
            'pd.rpost("incidents", json={"type": "incident", "title": "T", "service": {"id": "S1", "type": "service_reference"}})',
            "pagerduty_create_incident",
            {"from": "a@example.com"},
        ),
        case(
            'pd.rput("/incidents/P1", json={"type": "incident_reference", "status": "resolved"})',
            "pagerduty_update_incident",
            {"id": "P1"},
        ),
        case(
            'pd.rpost("/incidents/P1/notes", json={"content": "n"})',
            "pagerduty_create_incident_note",
            {"id": "P1"},
        ),
        case(
            'pd.rdelete("/services/S1")',
            "pagerduty_delete_service",
            {"id": "S1"},
        ),
        case(
            'pd.rdelete("/users/U1")',
            "pagerduty_delete_user",
            {"id": "U1"},
        ),
        case(
            'pd.rdelete("/schedules/C1")',
            "pagerduty_delete_schedule",
            {"id": "C1"},
        ),
    ),
)
