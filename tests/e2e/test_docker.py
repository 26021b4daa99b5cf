"""`scripts/docker`, as far as it can be read: no engine runs here. What would open a wall is not in it."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from wharfinger.authoring import checking, snapshot
from wharfinger.rules.configuration import Configuration

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scripts" / "docker"
AGENTS = ("one", "two")


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    """The one that lies there to start from, checked with its tests."""
    checked = checking.check(snapshot.read(FOLDER / "config"))
    assert not checked.errors
    assert checked.configuration is not None
    return checked.configuration


@pytest.fixture
def objects() -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))


def test_the_image_copies_what_there_is_and_is_not_roots() -> None:
    text = (FOLDER / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER wharfinger$", last, re.MULTILINE)
    assert "--require-hashes" in text


def test_each_agent_is_alone_with_the_proxy_in_an_internal_network(compose: Any) -> None:
    services, networks = compose["services"], compose["networks"]
    inner = {name for name, network in networks.items() if network.get("internal") is True}
    for name in AGENTS:
        (network,) = services[name]["networks"]
        assert network in inner
        inside = {other for other, service in services.items() if network in service["networks"]}
        assert inside == {name, "proxy"}
    assert [name for name in services if not set(services[name]["networks"]) <= inner] == ["proxy"]
    assert set(networks) - inner == {"outside"}


def test_each_agent_is_known_by_the_address_that_it_has(compose: Any, configuration: Configuration) -> None:
    """Which is its alone: in its network there is nobody else, and nobody may forge packets."""
    subnets = {
        name: ip_network(network["ipam"]["config"][0]["subnet"])
        for name, network in compose["networks"].items() if "ipam" in network
    }  # fmt: skip
    assert not any(one.overlaps(two) for one, two in itertools.combinations(subnets.values(), 2))
    assert set(configuration.agents) == set(AGENTS)
    for name, agent in configuration.agents.items():
        ((network, given),) = compose["services"][name]["networks"].items()
        assert agent.source is not None
        assert agent.source.cidr == (ip_network(given["ipv4_address"]),)
        assert ip_address(given["ipv4_address"]) in subnets[network]
        assert (
            ip_address(compose["services"]["proxy"]["networks"][network]["ipv4_address"]) in subnets[network]
        )


def test_the_proxy_listens_where_agents_are_and_its_console_does_not(configuration: Configuration) -> None:
    settings = configuration.settings
    assert (settings.listen.host, settings.listen.port) == ("0.0.0.0", 8080)
    assert settings.console.host == "127.0.0.1"
    assert settings.data == "/data/wharfinger"


def test_nothing_of_the_host_or_of_the_proxys_data_is_given_to_an_agent(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert service["pids_limit"]
        assert service["mem_limit"]
        assert not {"privileged", "network_mode", "pid", "ipc", "ports", "cap_add", "devices"} & set(service)
        assert not any("docker.sock" in volume for volume in service["volumes"])
        if name in AGENTS:
            assert "secrets" not in service
            assert service["dns"] == ["127.0.0.1"]
            places = {volume.partition(":")[0]: volume for volume in service["volumes"]}
            assert set(places) == {"certificates", f"./work/{name}"}
            assert places["certificates"].endswith(":ro")


def test_a_secret_lies_where_the_configuration_reads_it(compose: Any) -> None:
    text = (FOLDER / "config" / "credentials.yaml").read_text()
    (name,) = compose["services"]["proxy"]["secrets"]
    assert f"file:/run/secrets/{name}" in text
    assert set(compose["secrets"]) == {name}


def test_the_environment_names_nothing_that_an_agent_does_not_have(tmp_path: Path) -> None:
    """Written as the compose file says: with no token, and no path but of what is mounted there."""
    shutil.copytree(FOLDER / "config", tmp_path / "config")
    settings = tmp_path / "config" / "wharfinger.yaml"
    settings.write_text(settings.read_text().replace("data: /data/wharfinger", f"data: {tmp_path}/data"))
    ran = subprocess.run(
        [
            sys.executable, "-m", "wharfinger.cli.main", "env", "--agent", "one", "--format", "json",
            "--config", str(tmp_path / "config"),
        ],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    there = ran.stdout.replace(f"{tmp_path}/data", "/data/wharfinger")
    lines = "\n".join(f"{name}={value}" for name, value in json.loads(there).items())
    (change,) = re.findall(r"sed '([^']+)'", (FOLDER / "compose.yaml").read_text())
    written = subprocess.run(["sed", change], input=lines, capture_output=True, text=True, check=True).stdout
    assert "HTTPS_PROXY=http://proxy:8080\n" in written
    assert "0.0.0.0" not in written
    named = re.findall(r"/data/wharfinger/[a-z]+", written)
    assert len(named) > 10
    assert set(named) == {"/data/wharfinger/client"}


def test_in_kubernetes_agents_reach_the_proxys_port_alone(objects: list[Any]) -> None:
    named = {(item["kind"], item["metadata"]["name"]): item["spec"] for item in objects}
    policy = named["NetworkPolicy", "agents-go-out-by-the-proxy"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    assert policy["ingress"] == []
    to = [{"podSelector": {"matchLabels": {"app": "wharfinger"}}}]
    assert policy["egress"] == [{"to": to, "ports": [{"protocol": "TCP", "port": 8080}]}]
    pod = named["Deployment", "wharfinger"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert named["Service", "wharfinger"]["selector"] == {"app": "wharfinger"}
    (entrance,) = named["NetworkPolicy", "the-proxy-is-for-agents"]["ingress"]
    assert entrance["from"] == [{"podSelector": {"matchLabels": {"wharfinger": "agent"}}}]
    assert entrance["ports"] == [{"protocol": "TCP", "port": 8080}]
