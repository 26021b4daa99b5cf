"""The official SDK of Vercel."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import javascript
from cases import Suite, case
from recorder import Answer, Recorded

SETUP = """
import { Vercel } from "@vercel/sdk";
const vercel = new Vercel({ bearerToken: "vercel_placeholder_000000000000" });
"""


def reply(_: Recorded) -> Answer:
    """An object; what the SDK cannot read of it is no matter here."""
    return Answer.json({"id": "x"})


def _js(call: str, tool: str, inputs: dict[str, object] | None = None) -> object:
    return case(f"js({call!r})", tool, inputs)


SUITE = Suite(
    name="vercel",
    client="@vercel/sdk",
    version=lambda: javascript.version("@vercel/sdk"),
    hosts=("api.vercel.com",),
    namespace=lambda: javascript.namespace(SETUP),
    reply=reply,
    cases=(
        _js("vercel.user.getAuthUser()", "vercel_get_auth_user"),
        _js('vercel.projects.deleteProject({ idOrName: "site" })', "vercel_delete_project", {"idOrName": "site"}),
        _js('vercel.projects.getProjects({})', "vercel_list_projects"),
        _js('vercel.deployments.deleteDeployment({ id: "dpl_1" })', "vercel_delete_deployment", {"id": "dpl_1"}),
        _js('vercel.deployments.getDeployment({ idOrUrl: "dpl_1" })', "vercel_get_deployment", {"idOrUrl": "dpl_1"}),
        _js('vercel.deployments.cancelDeployment({ id: "dpl_1" })', "vercel_cancel_deployment", {"id": "dpl_1"}),
        _js('vercel.domains.deleteDomain({ domain: "example.com" })', "vercel_delete_domain", {"domain": "example.com"}),
        _js('vercel.dns.getRecords({ domain: "example.com" })', "vercel_list_domain_records", {"domain": "example.com"}),
        _js('vercel.projects.removeProjectEnv({ idOrName: "site", id: "env_1" })', "vercel_remove_project_env", {"id": "env_1"}),
    ),
)  # fmt: skip
