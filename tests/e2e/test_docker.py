"""`scripts/docker`, as far as it can be read: no engine runs here. What would open a wall is not in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scripts" / "docker"


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


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


def test_the_agents_network_is_internal_and_the_proxy_alone_has_another(compose: Any) -> None:
    services = compose["services"]
    assert services["agent"]["networks"] == ["agent"]
    assert compose["networks"]["agent"] == {"internal": True}
    assert [name for name, service in services.items() if "outside" in service["networks"]] == ["proxy"]


def test_nothing_of_the_host_or_of_the_proxys_data_is_given_to_the_agent(compose: Any) -> None:
    agent, proxy = compose["services"]["agent"], compose["services"]["proxy"]
    for service in (agent, proxy):
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "network_mode", "pid", "ipc", "ports"} & set(service)
        assert not any("docker.sock" in volume for volume in service["volumes"])
    assert not any(volume.startswith(("data:", "./config")) for volume in agent["volumes"])
    assert proxy["read_only"] is True


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
