"""What the API tells that the office works out by itself: reach, preflight, and what would be decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from wharfinger.authoring import graphing, preflight
from wharfinger.control.office.known import Ask, Loaded
from wharfinger.control.office.pages.graph import ways_of
from wharfinger.control.office.pages.playground import live
from wharfinger.control.office.pages.preflight import findings_of, known_of
from wharfinger.control.office.playing import Typed, answer, asked
from wharfinger.control.office.visit import Office, whoever
from wharfinger.control.protocol import Code, ControlError
from wharfinger.faults import Fault
from wharfinger.replaying import retold
from wharfinger.rules.configuration import Configuration, Sources, load
from wharfinger.rules.documents.problems import ConfigurationError
from wharfinger.rules.types import JSON


def asking(office: Office, token: str) -> Ask:
    """Asks the proxy in the session, or with the token, of whoever calls."""

    async def ask(action: str, /, **args: Any) -> Any:
        given = {name: value for name, value in args.items() if value is not None}
        return await office.runtime.ask(token, action, given)

    return ask


async def _loaded(office: Office, ask: Ask, agent: str | None = None) -> Loaded:
    loaded = await office.configurations.current(ask)
    if agent is not None and agent not in loaded.configuration.agents:
        raise ControlError(Code.UNKNOWN, "there is no agent of this name")
    return loaded


async def graph(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
    """The ways that the filters let through."""
    loaded = await _loaded(office, asking(office, token))
    looked = graphing.Filter(**given)
    names = graphing.names(loaded.configuration, looked)
    found = await run_in_threadpool(ways_of, loaded, looked, names)
    return [way.as_json() for way in found]


async def preflight_of(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
    """Whether an agent could set off now."""
    ask, name = asking(office, token), given["agent"]
    loaded = await _loaded(office, ask, name)
    known = (await known_of(ask, loaded, [name]))[name]
    found = await run_in_threadpool(findings_of, loaded, name, known)
    return {
        "agent": name,
        "verdict": preflight.readiness(found).value,
        "findings": [
            {"check": one.what, "grade": one.grade.value.lower(), "text": one.text, "remedy": one.remedy}
            for one in found
        ],
    }


async def explain(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
    """What would be decided on a request; nothing is sent."""
    ask = asking(office, token)
    loaded = await _loaded(office, ask, given["agent"])
    try:
        what = await run_in_threadpool(asked, loaded.configuration, Typed.of(given))
    except Fault as fault:
        raise ControlError(Code.BAD_REQUEST, fault.message, fault.hint) from fault
    now = await live(ask, loaded, given["agent"])
    told: JSON = await run_in_threadpool(answer, loaded.configuration, what, now)
    return told


async def steps(office: Office, token: str, given: Mapping[str, Any]) -> JSON:
    """Every step to a recorded decision, by the configuration that made it, if that is known here."""
    await whoever(office, token)
    found = await run_in_threadpool(office.tail.life, given["reference"])
    event = next((record.members for record in found if retold.decides(record.members)), None)
    if event is None:
        raise ControlError(Code.UNKNOWN, "no decision by policy is known under this reference")
    loaded = await _loaded(office, asking(office, token))
    digest = retold.digest_of(event)
    configuration: Configuration | None = loaded.configuration
    if loaded.configuration.digest != digest:
        files = office.configurations.files(digest)
        configuration = None if files is None else await run_in_threadpool(_read, files, office)
    told: JSON = await run_in_threadpool(retold.retell, configuration, event)
    return told


def _read(files: Mapping[str, bytes], office: Office) -> Configuration | None:
    try:
        return load(Sources(files, office.configurations.catalogue))
    except ConfigurationError:
        return None
