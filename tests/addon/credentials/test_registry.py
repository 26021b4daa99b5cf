"""The registry: values change in one step, generations tell, and nothing that was a value is ever shown."""

import asyncio
import base64
import time
import traceback
from contextvars import ContextVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.credentials.registry import Credentials, CredentialUnavailable
from wharfinger.credentials.sources import Environment
from wharfinger.rules.models.credentials import Credential
from wharfinger.rules.redact.secrets import SecretSet
from wharfinger.rules.types import Place, Placement

OLD = "old_4eC39HqLyjWDarjtT1zdp7dc"
NEW = "new_9dR20PqMyjWDarjtT1zdp8ee"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "conf"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def put(folder):
    def written(value, name="key"):
        path = folder / name
        path.write_text(value)
        path.chmod(0o600)

    return written


def values(credentials):
    return {name: credentials.current(name).reveal() for name in credentials.names()}


async def test_values_are_loaded_from_every_source(declare, script, folder, put):
    put(OLD)
    credentials = Credentials(Environment({"B": "b" * 20}))
    declared = {
        "FILE": declare("file:key"),
        "ENV": declare("env:B"),
        "EXEC": declare(f"exec:[{script('echo cccccccccccccccccccc')}]"),
    }
    assert await credentials.load(declared, folder) == ()
    assert values(credentials) == {"FILE": OLD, "ENV": "b" * 20, "EXEC": "c" * 20}
    assert credentials.current("FILE").name == "FILE"
    assert repr(credentials) == "Credentials(ENV, EXEC, FILE)"


async def test_all_problems_are_told_at_once_and_the_rest_is_usable(declare, folder, put):
    put(OLD)
    put("short\n", "short")
    credentials = Credentials(Environment({}))
    declared = {
        "GOOD": declare("file:key"),
        "SHORT": declare("file:short"),
        "GONE": declare("file:gone"),
        "UNSET": declare("env:UNSET"),
        "FAILS": declare("exec:[/bin/false]"),
    }
    problems = await credentials.load(declared, folder)
    assert [(p.name, p.message.split('"')[0].strip()) for p in problems] == [
        ("FAILS", "the command"),
        ("GONE", "the file"),
        ("SHORT", "the value has fewer than 16 bytes"),
        ("UNSET", "the environment variable"),
    ]
    assert str(problems[2]).splitlines() == [
        "credential SHORT: the value has fewer than 16 bytes",
        "  hint: check it, or accept it with `weak: true`",
    ]
    assert credentials.names() == ("GOOD",)
    with pytest.raises(
        CredentialUnavailable, match=r'^the credential "UNSET" is not available: the environment'
    ):
        credentials.current("UNSET")
    assert credentials.generation("UNSET") == 0


def test_what_was_never_declared_is_not_available():
    with pytest.raises(CredentialUnavailable, match="it is not declared"):
        Credentials(Environment({})).current("KEY")


async def test_the_generation_changes_with_the_value_only(declare, folder, put):
    put(OLD)
    declared, credentials = {"KEY": declare("file:key")}, Credentials(Environment({}))
    await credentials.load(declared, folder)
    first = credentials.generation("KEY")
    assert first > 0
    await credentials.load(declared, folder)
    assert await credentials.refresh("KEY") == ()
    assert credentials.generation("KEY") == first
    put(NEW)
    assert await credentials.refresh("KEY") == ()
    second = credentials.generation("KEY")
    assert second > first
    put(OLD)
    await credentials.load(declared, folder)
    assert credentials.generation("KEY") > second


async def test_a_credential_that_went_and_came_back_has_a_generation_of_its_own(declare, folder, put):
    put(OLD)
    declared, credentials = {"KEY": declare("file:key")}, Credentials(Environment({}))
    await credentials.load(declared, folder)
    first = credentials.generation("KEY")
    await credentials.load({}, folder)
    assert credentials.generation("KEY") == 0
    with pytest.raises(CredentialUnavailable):
        credentials.current("KEY")
    with pytest.raises(CredentialUnavailable):
        await credentials.refresh("KEY")
    await credentials.load(declared, folder)
    assert credentials.generation("KEY") > first


async def test_preparing_changes_nothing_and_adopting_changes_all_at_once(declare, folder, put):
    put(OLD)
    declared, credentials = {"KEY": declare("file:key")}, Credentials(Environment({}))
    await credentials.load(declared, folder)
    generation, version = credentials.generation("KEY"), credentials.version
    put(NEW)
    prepared = await credentials.prepare(declared, folder)
    assert values(credentials) == {"KEY": OLD}
    assert (credentials.generation("KEY"), credentials.version) == (generation, version)
    assert NEW not in repr(prepared)
    credentials.adopt(prepared)
    assert values(credentials) == {"KEY": NEW}


async def test_a_source_that_is_down_keeps_its_value_another_source_has_none(declare, folder, put):
    put(OLD)
    credentials = Credentials(Environment({}))
    await credentials.load({"KEY": declare("file:key")}, folder)
    (folder / "key").unlink()
    (problem,) = await credentials.refresh("KEY")
    assert "is not there" in problem.message
    assert len(await credentials.load({"KEY": declare("file:key", weak=True)}, folder)) == 1
    assert values(credentials) == {"KEY": OLD}
    assert len(await credentials.load({"KEY": declare("file:elsewhere")}, folder)) == 1
    assert values(credentials) == {}


async def test_a_source_that_works_again_can_be_refreshed(declare, folder, put):
    credentials = Credentials(Environment({}))
    assert len(await credentials.load({"KEY": declare("file:key")}, folder)) == 1
    put(OLD)
    assert await credentials.refresh("KEY") == ()
    assert values(credentials) == {"KEY": OLD}


async def test_a_source_that_was_down_at_first_is_asked_again_when_it_is_wanted(declare, folder, put):
    """Without a reload; but not again at once, and by one flight for all."""
    clock = {"now": 1000.0}
    credentials = Credentials(Environment({}), now=lambda: clock["now"])
    await credentials.load({"KEY": declare("file:key")}, folder)
    put(OLD)
    await credentials.ready(["KEY"])
    with pytest.raises(CredentialUnavailable, match="is not there"):
        credentials.current("KEY")
    clock["now"] += 6
    await asyncio.gather(*(credentials.ready(["KEY"]) for _ in range(5)))
    assert values(credentials) == {"KEY": OLD}
    assert credentials.generation("KEY") == 1


async def test_who_watches_is_told_of_changes_failures_and_recoveries_once_each(declare, folder, put):
    told, clock = [], {"now": 1000.0}
    credentials = Credentials(Environment({}), now=lambda: clock["now"])
    credentials.watch(lambda each: told.append((each.turn.value, each.name, each.generation, each.usable)))
    put(OLD)
    await credentials.load({"KEY": declare("file:key")}, folder)
    assert told == []
    put(NEW)
    await credentials.refresh("KEY")
    (folder / "key").unlink()
    for _ in range(3):
        await credentials.refresh("KEY")
    put(NEW)
    await credentials.refresh("KEY")
    assert told == [
        ("changed", "KEY", 2, True),
        ("failed", "KEY", 2, True),
        ("recovered", "KEY", 2, True),
    ]
    assert credentials.failures == {"KEY": 3}
    assert OLD not in repr(told) + repr(credentials.standings())


async def test_a_fetch_is_nobodys_turn(declare, folder, put):
    put(OLD)
    whose = ContextVar("whose", default="nobody")
    credentials, seen = Credentials(), []
    await credentials.load({"KEY": declare("file:key")}, folder)
    credentials.watch(lambda _: seen.append(whose.get()))
    put(NEW)
    whose.set("whoever came first")
    await credentials.refresh("KEY")
    assert seen == ["nobody"]


async def test_how_it_stands_says_when_it_was_used_and_what_its_source_calls_it(declare, folder, put):
    clock = {"now": 1000.0}
    credentials = Credentials(Environment({}), now=lambda: clock["now"])
    put(OLD)
    await credentials.load({"KEY": declare("file:key")}, folder)
    clock["now"] += 30
    assert credentials.standings()[0].used is None
    await credentials.ready(["KEY"])
    clock["now"] += 5
    (standing,) = credentials.standings()
    assert (standing.used, standing.age, standing.generation, standing.problem) == (5, 35, 1, "")


async def test_a_refresh_does_not_take_the_value_of_a_fetch_that_began_before_it(
    declare, script, folder, put
):
    """Whoever rotates and then asks for the new value gets the new one, whatever was under way."""
    put(OLD)
    slow = script(f"cat {folder}/key; sleep 0.3")
    credentials = Credentials(Environment({}))
    await credentials.load({"KEY": declare(f"exec:[{slow}]")}, folder)
    before = asyncio.ensure_future(credentials.refresh("KEY"))  # noqa: TID251
    await asyncio.sleep(0.15)
    put(NEW)
    assert await credentials.refresh("KEY") == ()
    assert values(credentials) == {"KEY": NEW}
    await before


async def test_a_refresh_that_a_reload_overtook_changes_nothing(declare, script, folder, put):
    slow = script(f"test -e {folder}/go || {{ touch {folder}/go; echo {OLD}; exit; }}; sleep 0.3; echo {NEW}")
    credentials = Credentials(Environment({}))
    await credentials.load({"KEY": declare(f"exec:[{slow}]")}, folder)
    refreshing = asyncio.ensure_future(credentials.refresh("KEY"))  # noqa: TID251
    await asyncio.sleep(0.05)
    put("third_9dR20PqMyjWDarjtT1")
    await credentials.load({"KEY": declare("file:key")}, folder)
    await refreshing
    assert values(credentials) == {"KEY": "third_9dR20PqMyjWDarjtT1"}


async def test_sources_are_asked_together_and_off_the_loop(declare, script, folder):
    path = script("sleep 0.3; echo cccccccccccccccccccc")
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.ensure_future(beat())  # noqa: TID251
    started = time.monotonic()
    credentials = Credentials(Environment({}))
    await credentials.load({f"K{n}": declare(f"exec:[{path}]") for n in range(4)}, folder)
    beating.cancel()
    assert time.monotonic() - started < 1.1
    assert beats > 10


async def test_every_value_that_ever_was_stays_in_the_redaction_set(declare, folder, put):
    put(OLD)
    declared, credentials = {"KEY": declare("file:key")}, Credentials(Environment({}))
    await credentials.load(declared, folder)
    first = credentials.version
    await credentials.load(declared, folder)
    assert credentials.version == first
    put(NEW)
    await credentials.refresh("KEY")
    assert credentials.version > first
    await credentials.load({}, folder)
    assert dict(credentials.redactions()) == {OLD: "KEY", NEW: "KEY"}
    text, _ = SecretSet.of(credentials.redactions()).redact(f"{OLD} {NEW}".encode())
    assert text == b"[redacted:KEY] [redacted:KEY]"


async def test_what_the_tools_render_is_in_the_redaction_set(declare, folder, put):
    put("user:a-long-password")
    placement = Placement("KEY", Place.BASIC, "Authorization")
    credentials = Credentials(Environment({}))
    await credentials.load({"KEY": declare("file:key", kind="basic")}, folder, [placement, placement])
    assert set(credentials.redactions()) == {
        "user:a-long-password",
        "a-long-password",
        base64.b64encode(b"user:a-long-password").decode(),
    }
    other = Placement("KEY", Place.BASIC, "Authorization", "x:${secret}")
    await credentials.load({"KEY": declare("file:key", kind="basic")}, folder, [other])
    assert base64.b64encode(b"x:user:a-long-password").decode() in credentials.redactions()


async def test_a_source_that_breaks_tells_nothing_of_what_it_held(declare, folder, monkeypatch):
    def breaking(self):
        raise RuntimeError(f"could not parse {OLD}")

    monkeypatch.setattr("wharfinger.credentials.sources.EnvironmentSource.fetch", breaking)
    (problem,) = await Credentials(Environment({})).load({"KEY": declare("env:KEY")}, folder)
    assert problem.message == "its source failed: RuntimeError"
    assert OLD not in str(problem)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=6, max_size=30, alphabet="0123456789XYZ\n\té "), st.sampled_from(["bearer", "basic"]))
def test_no_value_good_or_bad_is_in_any_repr_log_or_error(value, kind):
    declared = Credential.model_validate({"from": "env:K", "hosts": ["a.example"], "kind": kind})

    async def shown():
        credentials = Credentials(Environment({"K": value}))
        prepared = await credentials.prepare({"K": declared}, None)
        credentials.adopt(prepared)
        yield repr(prepared)
        yield repr(credentials)
        yield str(prepared.problems)
        try:
            yield repr(credentials.current("K"))
        except CredentialUnavailable as error:
            yield "".join(traceback.format_exception(error))

    async def collect():
        return "".join([text async for text in shown()])

    assert value not in asyncio.run(collect())
