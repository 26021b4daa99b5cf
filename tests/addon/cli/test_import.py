"""`import` writes a tool file says what it left out and what would change; its tools wait for a person."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.addon.importing.conftest import OPENAPI

SERVER = """
import json, sys
for line in sys.stdin:
    said = json.loads(line)
    if "id" in said:
        page = said.get("params", {}).get("cursor")
        tool = {"name": "second" if page else "first", "inputSchema": {"type": "object"}}
        result = {"tools": [tool]} | ({} if page else {"nextCursor": "2"})
        print(json.dumps({"jsonrpc": "2.0", "id": said["id"], "result": result}), flush=True)
"""


@pytest.fixture
def spec(home: Path) -> Path:
    path = home / "pets.json"
    path.write_text(json.dumps(OPENAPI))
    return path


def test_a_file_is_written_and_not_written_over(type_: Any, spec: Path, home: Path) -> None:
    out = home / "pets.yaml"
    assert type_("import", "openapi", spec, "--out", out).code == 0
    written = out.read_text()
    assert "tool: pets_list_pets" in written
    assert type_("import", "openapi", spec, "--out", out).code == 0
    assert out.read_text() == written
    document = json.loads(spec.read_text())
    path = next(path for path in document["paths"] if path.startswith("/pets/{id}/"))
    verb = path.rpartition("/")[2]
    del document["paths"][path]
    spec.write_text(json.dumps(document))
    again = type_("import", "openapi", spec, "--out", out)
    assert (again.code, again.out) == (1, f"- pets_create_pet_{verb}\n")
    assert "--replace" in again.err
    assert out.read_text() == written
    assert type_("import", "openapi", spec, "--out", out, "--check").code == 1
    assert type_("import", "openapi", spec, "--out", out, "--replace").code == 0
    assert type_("import", "openapi", spec, "--out", out, "--check").code == 0
    assert verb not in out.read_text()


def test_without_a_file_it_is_printed(type_: Any, spec: Path) -> None:
    ran = type_("import", "openapi", spec, "--api", "zoo", "--only", "DELETE *", "--secret", "ZOO_KEY")
    assert ran.code == 0
    assert "tool: zoo_delete_pet" in ran.out
    assert ran.out.count("tool:") == 1
    assert "ZOO_KEY" in ran.out


def test_json_names_tools_and_what_was_left_out(type_: Any, spec: Path) -> None:
    document = json.loads(spec.read_text())
    document["paths"]["/pets/{other}"] = {"get": {}}
    spec.write_text(json.dumps(document))
    told = type_("import", "openapi", spec, "--json", "--max", "3").json
    assert len(told["tools"]) == 3
    assert {"tool": "pets_list_pets", "effect": "read"} in told["tools"]
    reasons = {one["operation"]: one["reason"] for one in told["dropped"]}
    assert "more than 3" in reasons["GET /pets/{other}"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("openapi", "nowhere.json"), "cannot be read"),
        (("openapi", "http://api.example.com/x.json"), "https only"),
        (("discovery", "nowhere.json"), "cannot be read"),
        (("openapi", "pets.json", "--check"), "--check compares"),
        (("openapi", "pets.json", "--only", "nothing"), "no operation"),
        (("graphql", "pets.json"), "at which URL"),
        (("mcp", "--base", "https://x.example/y", "--", "/nowhere/server"), "cannot be started"),
    ],
)
def test_faults(type_: Any, spec: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = type_("import", *arguments)
    assert ran.code in {1, 2}
    assert message in ran.err


def test_a_file_that_is_no_tool_file_is_left_alone(type_: Any, spec: Path, home: Path) -> None:
    (home / "notes.yaml").write_text("dear: diary\n")
    ran = type_("import", "openapi", spec, "--out", home / "notes.yaml", "--replace")
    assert (ran.code, "is no tool file" in ran.err) == (1, True)
    assert (home / "notes.yaml").read_text() == "dear: diary\n"


def test_a_server_of_mcp_is_started_and_asked_for_all_pages(type_: Any, home: Path) -> None:
    (home / "server.py").write_text(SERVER)
    at = ("--api", "my", "--base", "https://my.example/mcp", "--json")
    told = type_("import", "mcp", *at, "--", sys.executable, home / "server.py").json
    assert {"my_first", "my_second"} <= {tool["tool"] for tool in told["tools"]}


def explained(type_: Any, folder: Path) -> Any:
    return type_(
        "explain", "--agent", "robot", "--config", folder, "GET", "https://api.pets.example/v1/pets", "--json"
    )


def test_a_proposed_tool_is_refused_until_a_person_approves_it_as_it_is(
    type_: Any, spec: Path, configure: Any
) -> None:
    folder = configure(
        policies__pets="policy: pets\nallow: [{tool: pets_list_pets}]\n",
        agents="agents:\n  robot: {owner: alice, policies: [things, pets]}\n",
        credentials=(
            "credentials:\n  EXAMPLE_KEY: {from: env:EXAMPLE_KEY, hosts: [api.example.com]}\n"
            "  PETS_TOKEN: {from: env:PETS_TOKEN, hosts: [api.pets.example]}\n"
        ),
    )
    out = folder / "tools" / "pets.yaml"
    assert type_("import", "openapi", spec, "--out", out).code == 0
    out.chmod(0o600)
    at = ("--config", folder)
    assert type_("people", "key", "alice", "--no-passphrase", *at).code == 0
    waiting = type_("tools", "list", *at, "--proposed", "--json").json
    assert len(waiting) == 7
    refused = explained(type_, folder).json
    assert (refused["verdict"], "is proposed" in refused["reason"]) == ("deny", True)
    assert refused["calls"][0]["tool"] == "pets_list_pets"

    assert "W203" in type_("check", *at).err
    assert type_("tools", "show", "pets_list_pets", *at, "--json").json["proposed"] is True

    assert type_("tools", "approve", "pets_nix", *at).code == 2
    ran = type_("tools", "approve", "pets_list_*", *at)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 approved")
    assert len(type_("tools", "list", *at, "--proposed", "--json").json) == 6
    assert explained(type_, folder).json["verdict"] == "allow"
    assert "W203" not in type_("check", *at).err
    assert "approved as it is now" in type_("tools", "show", "pets_list_pets", *at).out
    assert type_("tools", "approve", "--file", "tools/pets.yaml", *at).out.endswith("7 approved\n")

    out.write_text(out.read_text().replace('url: "/pets"', 'url: "/cats"'))
    changed = {row["name"] for row in type_("tools", "list", *at, "--proposed", "--json").json}
    assert changed == {"pets_list_pets", "pets_create_pet"}, "another digest is proposed again"
    assert type_("tools", "withdraw", "pets_get_pet", *at).code == 0
    assert len(type_("tools", "list", *at, "--proposed", "--json").json) == 3
    rows = type_("audit", "search", *at, "--json")
    assert "tools.approve" in rows.out
