"""The official Python library of HubSpot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json(
        {
            "id": "1",
            "properties": {},
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
            "archived": False,
            "results": [],
            "total": 0,
        }
    )


def namespace() -> Mapping[str, Any]:
    import hubspot
    from hubspot.crm.contacts import (
        PublicObjectSearchRequest,
        SimplePublicObjectInput,
        SimplePublicObjectInputForCreate,
    )

    client = hubspot.HubSpot(access_token="pat-placeholder-00000000000000")
    client.config |= {"proxy": os.environ["HTTPS_PROXY"], "ssl_ca_cert": os.environ["SSL_CERT_FILE"]}
    return {
        "crm": client.crm,
        "New": SimplePublicObjectInputForCreate,
        "Changed": SimplePublicObjectInput,
        "Search": PublicObjectSearchRequest,
    }


SUITE = Suite(
    name="hubspot",
    client="hubspot-api-client",
    version=lambda: version("hubspot-api-client"),
    hosts=("api.hubapi.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            "crm.contacts.basic_api.get_page(limit=5)",
            "hubspot_get_contact_page",
            {"limit": 5},
        ),
        case(
            'crm.contacts.basic_api.get_by_id("1", properties=["email"])',
            "hubspot_get_contacts_by_id",
            {"contactId": "1"},
        ),
        case(
            'crm.contacts.basic_api.create(New(properties={"email": "a@example.com"}))',
            "hubspot_create_object_contact",
            {},
        ),
        case(
            'crm.contacts.basic_api.update("1", Changed(properties={"email": "b@example.com"}))',
            "hubspot_update_object_contact",
            {"contactId": "1"},
        ),
        case(
            'crm.contacts.basic_api.archive("1")',
            "hubspot_archive_object_contact",
            {"contactId": "1"},
        ),
        case(
            'crm.contacts.search_api.do_search(Search(query="ada", limit=3))',
            "hubspot_search_crm_contact_do",
            {"query": "ada"},
        ),
        case(
            'crm.deals.basic_api.archive("1")',
            "hubspot_archive_object_deal",
            {"dealId": "1"},
        ),
        case(
            "crm.owners.owners_api.get_page()",
            "hubspot_get_owner_page",
            {},
        ),
    ),
)
