"""supabase-py: tables, files, users and functions of a project."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    one = {
        "id": "u1",
        "aud": "a",
        "created_at": "2026-01-01T00:00:00Z",
        "app_metadata": {},
        "user_metadata": {},
        "name": "b",
        "owner": "",
        "public": False,
        "updated_at": "2026-01-01T00:00:00Z",
        "file_size_limit": 1,
        "allowed_mime_types": [],
        "user": None,
        "users": [],
    }
    return Answer.json([] if "/rest/" in request.target or "/list/" in request.target else one)


def namespace() -> Mapping[str, Any]:
    from supabase import create_client

    key = "sb_secret_placeholder000000000000000000"
    return {"sb": create_client("https://acme.supabase.co", key)}


SUITE = Suite(
    name="supabase",
    client="supabase",
    version=lambda: version("supabase"),
    hosts=("acme.supabase.co",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'sb.table("orders").select("*").limit(5).execute()',
            "supabase_select_rows",
            {"table": "orders", "limit": 5},
        ),
        case(
            'sb.table("orders").insert({"id": 1}).execute()',
            "supabase_insert_rows",
            {"table": "orders"},
        ),
        case(
            'sb.table("orders").update({"paid": True}).eq("id", 1).execute()',
            "supabase_update_rows",
            {"table": "orders"},
        ),
        case(
            'sb.table("orders").delete().eq("id", 1).execute()',
            "supabase_delete_rows",
            {"table": "orders"},
        ),
        case(
            'sb.rpc("f", {"a": 1}).execute()',
            "supabase_call_function",
            {"function": "f"},
        ),
        case(
            'sb.storage.get_bucket("b")',
            "supabase_get_bucket",
            {"id": "b"},
        ),
        case(
            'sb.storage.empty_bucket("b")',
            "supabase_empty_bucket",
            {"id": "b"},
        ),
        case(
            'sb.storage.delete_bucket("b")',
            "supabase_delete_bucket",
            {"id": "b"},
        ),
        case(
            'sb.storage.from_("b").remove(["a/x.txt"])',
            "supabase_delete_objects",
            {"bucket": "b"},
        ),
        case(
            'sb.auth.admin.delete_user("00000000-0000-0000-0000-000000000001")',
            "supabase_delete_user",
            {},
        ),
    ),
)
