"""First configurations: what `init` writes, made from the built-in catalogue and the starter policies.

Nothing here touches the disk: `files` gives every file of a configuration folder as bytes, so that it can be
checked whole before any of it is written.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from wharfinger.authoring import adapting

GIT_PUBLIC = "tools/git_public.yaml"


class Kind(enum.StrEnum):
    """What the configuration is for."""

    CODING = "coding"
    CODING_SIGNED_IN = "coding-signed-in"
    API = "api"
    EMPTY = "empty"


MEANINGS: Mapping[Kind, str] = {
    Kind.CODING: "a coding agent whose model is called with a key that you have",
    Kind.CODING_SIGNED_IN: "a coding agent that signs in by itself (Claude Code, Codex)",
    Kind.API: "an agent that calls APIs: Stripe, GitHub, Slack, models",
    Kind.EMPTY: "nothing yet: a person, no agent, no tools",
}


@dataclass(frozen=True, slots=True)
class Service:
    """An API that wants a credential: which, and what comes with it."""

    title: str
    credential: str
    hosts: tuple[str, ...]
    placeholder: str
    """What the placeholder begins with: clients check it."""
    catalogue: str
    policy: str
    env: tuple[str, ...] = ()
    """Other variables that its clients read the credential from."""


SERVICES = (
    Service("Stripe", "STRIPE_API_KEY", ("api.stripe.com",), "sk_test_", "stripe", "stripe_support"),
    Service(
        "GitHub", "GITHUB_TOKEN", ("api.github.com", "uploads.github.com"), "ghp_", "github", "github_triage",
        ("GH_TOKEN",),
    ),
    Service("Slack", "SLACK_BOT_TOKEN", ("slack.com",), "xoxb-", "slack", "slack_notify"),
    Service("OpenAI", "OPENAI_API_KEY", ("api.openai.com",), "sk-", "openai", "model_api"),
    Service("Anthropic", "ANTHROPIC_API_KEY", ("api.anthropic.com",), "sk-ant-", "anthropic", "model_api"),
)  # fmt: skip
"""What is offered, by the names that the catalogue's files give the credentials."""

_OFFERED: Mapping[Kind, frozenset[str]] = {
    Kind.CODING: frozenset({"GITHUB_TOKEN", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"}),
    Kind.CODING_SIGNED_IN: frozenset({"GITHUB_TOKEN"}),
    Kind.API: frozenset(service.credential for service in SERVICES),
    Kind.EMPTY: frozenset(),
}


def offered(kind: Kind) -> tuple[Service, ...]:
    """The services whose credentials a configuration of this kind can hold."""
    return tuple(service for service in SERVICES if service.credential in _OFFERED[kind])


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write."""

    kind: Kind
    person: str
    agent: str
    sources: Mapping[str, str]
    """Credentials by name, each with its `from:`."""

    @property
    def services(self) -> tuple[Service, ...]:
        """The services there is a credential for."""
        return tuple(service for service in offered(self.kind) if service.credential in self.sources)

    @property
    def coding(self) -> bool:
        """Whether it is for a coding agent of either kind."""
        return self.kind in {Kind.CODING, Kind.CODING_SIGNED_IN}

    @property
    def catalogue(self) -> tuple[str, ...]:
        """Names of the built-in tool files to use."""
        own = ("claude_code", "codex") if self.kind is Kind.CODING_SIGNED_IN else ()
        named = tuple(service.catalogue for service in self.services)
        git = ("git",) if "GITHUB_TOKEN" in self.sources else ()
        return (*own, *named, *((*git, "github_content", "pypi", "npm") if self.coding else ()))

    def hosts(self, service: Service) -> tuple[str, ...]:
        """The hosts that the service's credential may go to; git's only where git is used."""
        git = "git" in self.catalogue and service.credential == "GITHUB_TOKEN"
        return (*service.hosts, *(("github.com",) if git else ()))

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the starter policies to copy."""
        own = ("signed_in_agent",) if self.kind is Kind.CODING_SIGNED_IN else ()
        read = {"github_triage": "github_read"} if self.coding else {}
        named = [read.get(service.policy, service.policy) for service in self.services]
        return tuple(dict.fromkeys((*own, *(("coding_agent",) if self.coding else ()), *named)))


def files(plan: Plan) -> dict[str, bytes]:
    """Every file of the configuration folder, by its path within."""
    made = {"wharfinger.yaml": _settings(plan), "people.yaml": _people(plan), "agents.yaml": _agents(plan)}
    if plan.services:
        made["credentials.yaml"] = _credentials(plan)
    if plan.coding and "git" not in plan.catalogue:
        made[GIT_PUBLIC] = _git_public()
    built_in = (_text("tools", name) for name in plan.catalogue)
    own = (text for name, text in made.items() if name.startswith("tools/"))
    tools = frozenset(tool for text in (*built_in, *own) for tool in adapting.tool_names(text))
    for name in plan.policies:
        made[f"policies/{name}.yaml"] = adapting.policy(_text("policies", name), scalar(plan.agent), tools)
    return {name: text.encode() for name, text in sorted(made.items())}


def _text(package: str, name: str) -> str:
    return (resources.files(f"wharfinger.{package}") / f"{name}.yaml").read_text("utf-8")


def _settings(plan: Plan) -> str:
    catalogue = ", ".join(plan.catalogue)
    return f"""\
# Settings. All files here are checked by `wharfinger check`.
version: 1
listen: 127.0.0.1:8080            # the proxy; port 0 takes a free one
console: 127.0.0.1:8081

# Built-in tool files that are used. Your own go into tools/, one API a file.
catalogue: [{catalogue}]
"""


def _people(plan: Plan) -> str:
    name = scalar(plan.person)
    return f"""\
# Who may approve and administer. An admin may do everything. A person commands by a key:
# wharfinger people key NAME
people:
  {name}: {{role: admin}}

# Rules name teams, or people, as `approvers`.
teams:
  approvers: [{name}]
"""


def _agents(plan: Plan) -> str:
    head = "# Who goes out through the proxy, and what each may do: the policies of policies/, by name.\n"
    if plan.kind is Kind.EMPTY:
        example = f"{{owner: {scalar(plan.person)}, policies: [name_of_a_policy]}}"
        return f"{head}agents: {{}}\n#  my-agent: {example}\n"
    policies = ", ".join(plan.policies)
    return (
        f"{head}agents:\n  {scalar(plan.agent)}: {{owner: {scalar(plan.person)}, policies: [{policies}]}}\n"
    )


def _credentials(plan: Plan) -> str:
    lines = [
        "# Real credentials: where each is read from (env:NAME, file:/path or exec:[/command, …], never the",
        "# value itself), and the only hosts it goes to. Agents hold placeholders by these names.",
        "credentials:",
    ]
    for service in plan.services:
        lines += [
            f"  {service.credential}:",
            f"    from: {json.dumps(plan.sources[service.credential], ensure_ascii=False)}",
            f"    hosts: [{', '.join(plan.hosts(service))}]",
            f"    placeholder: {json.dumps(service.placeholder)}",
        ]
        if service.env:
            lines.append(f"    env: [{', '.join(service.env)}]")
    return "\n".join(lines) + "\n"


def _git_public() -> str:
    head = """\
# git at GitHub, public repositories only: there is no GITHUB_TOKEN in credentials.yaml. Once there is, remove
# this file and add `git` to the catalogue in wharfinger.yaml.
"""
    return head + adapting.without_login(_text("tools", "git"), lambda tool: "push" not in tool)


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_TAKEN = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


def scalar(name: str) -> str:
    """A name as YAML: quoted where it could be read as something else."""
    return name if _PLAIN.fullmatch(name) and name.lower() not in _TAKEN else json.dumps(name)
