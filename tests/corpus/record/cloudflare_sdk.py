"""The official Python library of Cloudflare."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json(
        {"success": True, "errors": [], "messages": [], "result": [] if request.method == "GET" else {}}
    )


def namespace() -> Mapping[str, Any]:
    from cloudflare import Cloudflare

    return {"cf": Cloudflare(api_token="cf-placeholder-000000000000000000", max_retries=0)}


SUITE = Suite(
    name="cloudflare",
    client="cloudflare",
    version=lambda: version("cloudflare"),
    hosts=("api.cloudflare.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'cf.zones.list(name="example.com").result',
            "cloudflare_list_zones",
            {"name": "example.com"},
        ),
        case(
            'cf.zones.get(zone_id="z1")',
            "cloudflare_get_zone_by_zone_id",
            {"zone_id": "z1"},
        ),
        case(
            'cf.zones.delete(zone_id="z1")',
            "cloudflare_delete_zone",
            {"zone_id": "z1"},
        ),
        case(
            'cf.dns.records.list(zone_id="z1", type="A").result',
            "cloudflare_list_records",
            {"zone_id": "z1", "type": "A"},
        ),
        case(
            'cf.dns.records.create(zone_id="z1", type="A", name="www", content="192.0.2.1", ttl=1)',
            "cloudflare_create_record",
            {"zone_id": "z1"},
        ),
        case(
            'cf.dns.records.delete("r1", zone_id="z1")',
            "cloudflare_delete_record",
            {"dns_record_id": "r1"},
        ),
        case(
            'cf.cache.purge(zone_id="z1", purge_everything=True)',
            "cloudflare_purge_cache",
            {"zone_id": "z1"},
        ),
        case(
            'cf.kv.namespaces.list(account_id="a1").result',
            "cloudflare_list_namespaces",
            {"account_id": "a1"},
        ),
        case(
            'cf.kv.namespaces.delete("n1", account_id="a1")',
            "cloudflare_delete_namespace",
            {"namespace_id": "n1"},
        ),
        case(
            'cf.r2.buckets.delete("b1", account_id="a1")',
            "cloudflare_delete_bucket",
            {"bucket_name": "b1"},
        ),
        case(
            'cf.d1.database.query("d1", account_id="a1", sql="SELECT 1")',
            "cloudflare_query_database",
            {"sql": "SELECT 1"},
        ),
        case(
            'cf.workers.scripts.delete("s1", account_id="a1")',
            "cloudflare_delete_script",
            {"script_name": "s1"},
        ),
    ),
)
