"""What keeps a request from going out whatever rules say: before any is asked, and where they would open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from wharfinger.rules.models.agents import Agent
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.policies.denials import governing
from wharfinger.rules.recognition.presented import Presented
from wharfinger.rules.recognition.recognised import Recognised
from wharfinger.rules.requests.refusal import Refusal
from wharfinger.rules.types import Code, Facts, Origin, Request

UNKNOWN: Final = Refusal(Code.DENIED, "this agent is not registered", "Ask the operator to add it.")


def inactive(agent: Agent, facts: Facts) -> Refusal | None:
    """Why an agent may do nothing at all: it is suspended, or not active."""
    if facts.suspended is not None:
        return Refusal(Code.DENIED, facts.suspended, "Stop, and tell the operator.")
    if agent.status != "active":
        return Refusal(Code.DENIED, f"this agent is {agent.status}", "Stop, and tell the operator.")
    return None


def denied(request: Request, read: Recognised, facts: Facts, now: datetime) -> Refusal | None:
    """Why the emergency deny list refuses a request, if it does; what cannot be read, by its host."""
    if not facts.denials:
        return None
    tools = {call.tool for call in read.calls}
    tools.update(fit.tool.name for part in read.parts for fit in part.fitting)
    denial = governing(facts.denials, request.agent, read.host or request.host.lower(), tools, now)
    if denial is None:
        return None
    help_ = "The operator has denied this in an emergency; do not try again."
    return Refusal(Code.DENIED, denial.reason, help_)


def proposed(read: Recognised, facts: Facts) -> Refusal | None:
    """Why a tool that no person has approved is refused; tests ask what policies say of it when it is."""
    if facts.origin is Origin.TEST:
        return None
    for tool in read.winners:
        if tool.proposed and tool.digest not in facts.approved_tools:
            return Refusal(
                Code.DENIED,
                f'the tool "{tool.name}" is proposed; a person must approve it',
                f"Ask the operator to look at it, and then: wharfinger tools approve {tool.name}",
            )
    return None


def unopenable(
    credentials: Mapping[str, Credential], facts: Facts, read: Recognised, shown: Presented
) -> Refusal | None:
    """Why a request is not let out although rules would."""
    if read.winner is None and shown.credentialed:
        return Refusal(
            Code.DENIED,
            "no tool fits this request, and its host has a credential bound",
            "Ask the operator for a tool.",
        )
    return _unconfined(credentials, facts, shown) or _undeclared(read)


def unwaiting(request: Request) -> Refusal | None:
    """Why a request cannot be held until a person has answered, if so."""
    if request.message is not None:
        what = "a message on an open connection"
    elif request.body is None and request.opening is None:
        what = "a streamed request"
    else:
        return None
    return Refusal(Code.DENIED, f"{what} cannot wait for approval", "Ask the operator to mend the rule.")


def _unconfined(credentials: Mapping[str, Credential], facts: Facts, shown: Presented) -> Refusal | None:
    """Why a credential is not for an agent that is confined as this one is, if so."""
    for placement in shown.placements:
        wanted = credentials[placement.credential].confinement
        if wanted is not None and wanted != facts.confinement:
            return Refusal(
                Code.DENIED,
                f'the credential "{placement.credential}" is for {wanted} agents only',
                "Ask the operator to start you with: wharfinger run --isolate",
            )
    return None


def _undeclared(read: Recognised) -> Refusal | None:
    """Why a new secret, which an answer would carry, could reach the agent, if so."""
    mints = any(tool.mints and not tool.auth_own for tool in read.winners)
    if not mints or (len(read.parts) == 1 and read.winners[0].returns is not None):
        return None
    return Refusal(
        Code.DENIED,
        "the tool answers with a new secret, and where it stands in the answer is not declared",
        "Ask the operator to declare it (`returns:`), or to have the proxy fetch the secret itself.",
    )
