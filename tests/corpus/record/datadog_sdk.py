"""The official Python library of Datadog."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    lists = request.target.startswith("/api/v1/monitor?")
    return Answer.json([] if lists else {"id": 7, "type": "metric alert", "query": "q"})


def namespace() -> Mapping[str, Any]:
    from datadog_api_client import ApiClient, Configuration
    from datadog_api_client.v1.api.dashboards_api import DashboardsApi
    from datadog_api_client.v1.api.monitors_api import MonitorsApi
    from datadog_api_client.v1.model.monitor import Monitor
    from datadog_api_client.v1.model.monitor_type import MonitorType
    from datadog_api_client.v2.api.users_api import UsersApi

    config = Configuration(
        api_key={"apiKeyAuth": "dd-placeholder-00000000", "appKeyAuth": "dd-app-placeholder-00000000"}
    )
    config.proxy, config.ssl_ca_cert = os.environ["HTTPS_PROXY"], os.environ["SSL_CERT_FILE"]
    config.server_variables["site"] = "datadoghq.com"
    client = ApiClient(config)
    return {
        "monitors": MonitorsApi(client),
        "dashboards": DashboardsApi(client),
        "users": UsersApi(client),
        "Monitor": Monitor,
        "MonitorType": MonitorType,
    }


SUITE = Suite(
    name="datadog",
    client="datadog-api-client",
    version=lambda: version("datadog-api-client"),
    hosts=("api.datadoghq.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            "monitors.list_monitors(page_size=5)",
            "datadog_list_monitors",
            {"page_size": 5},
        ),
        case(
            "monitors.get_monitor(7)",
            "datadog_get_monitor",
            {"monitor_id": 7},
        ),
        case(
            'monitors.create_monitor(Monitor(type=MonitorType.METRIC_ALERT, query="avg(last_5m):avg:x{*} > 1", name="m"))',
            "datadog_create_monitor",
            {"name": "m"},
        ),
        case(
            "monitors.delete_monitor(7)",
            "datadog_delete_monitor",
            {"monitor_id": 7},
        ),
        case(
            "dashboards.list_dashboards()",
            "datadog_list_dashboards",
            {},
        ),
        case(
            'dashboards.delete_dashboard("abc")',
            "datadog_delete_dashboard_by_dashboard_id",
            {"dashboard_id": "abc"},
        ),
        case(
            "users.list_users()",
            "datadog_list_users",
            {},
        ),
        case(
            'users.disable_user("u1")',
            "datadog_disable_user",
            {"user_id": "u1"},
        ),
    ),
)
