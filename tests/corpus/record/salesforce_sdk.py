"""simple-salesforce."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json(
        {"records": [], "totalSize": 0, "done": True, "id": "1", "success": True, "errors": []}
    )


def namespace() -> Mapping[str, Any]:
    from simple_salesforce import Salesforce

    return {"sf": Salesforce(instance="acme.my.salesforce.com", session_id="00Dplaceholder!0000000000000000")}


SUITE = Suite(
    name="salesforce",
    client="simple-salesforce",
    version=lambda: version("simple-salesforce"),
    hosts=("acme.my.salesforce.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'sf.query("SELECT Id FROM Account")',
            "salesforce_query",
            {"q": "SELECT Id FROM Account"},
        ),
        case(
            'sf.query_all("SELECT Id FROM Account")',
            "salesforce_query",
            {},
        ),
        case(
            'sf.search("FIND {x}")',
            "salesforce_search",
            {"q": "FIND {x}"},
        ),
        case(
            'sf.Contact.get("003x")',
            "salesforce_get_record",
            {"object": "Contact", "id": "003x"},
        ),
        case(
            'sf.Contact.create({"LastName": "S"})',
            "salesforce_create_record",
            {"object": "Contact"},
        ),
        case(
            'sf.Contact.update("003x", {"LastName": "S"})',
            "salesforce_update_record",
            {"id": "003x"},
        ),
        case(
            'sf.Contact.upsert("Ext__c/11", {"LastName": "S"})',
            "salesforce_upsert_record",
            {"field": "Ext__c", "value": "11"},
        ),
        case(
            'sf.Contact.delete("003x")',
            "salesforce_delete_record",
            {"id": "003x"},
        ),
        case(
            "sf.Contact.describe()",
            "salesforce_describe_object",
            {"object": "Contact"},
        ),
        case(
            "sf.limits()",
            "salesforce_get_limits",
            {},
        ),
    ),
)
