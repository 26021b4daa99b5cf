"""Sessions: how they begin, how they end, and what is kept of them."""

import asyncio
from datetime import timedelta

import pytest
from wharfinger.signin.passwords import BadPassword
from wharfinger.signin.session import Began, Kind, digest
from wharfinger.signin.sessions import NoSuchSession, NotSignedIn, Sessions
from wharfinger.signin.throttle import TooMany

PASSWORD = "correct horse battery staple"


@pytest.fixture
async def sessions(store, clock):
    opened = Sessions(store, clock)
    await opened.open()
    await opened.set_password("alice", PASSWORD)
    yield opened
    opened.close()


async def again(store, clock) -> Sessions:
    """What a restart finds."""
    opened = Sessions(store, clock)
    await opened.open()
    opened.close()
    return opened


async def test_a_password_begins_a_session(sessions):
    issued = await sessions.by_password("alice", PASSWORD)
    assert issued.token.startswith("ws_")
    found = await sessions.find(issued.token)
    assert (found.person, found.kind, found.began) == ("alice", Kind.BROWSER, Began.PASSWORD)


@pytest.mark.parametrize(("person", "password"), [("alice", PASSWORD + "x"), ("nobody", PASSWORD)])
async def test_a_wrong_name_and_a_wrong_password_are_refused_alike(sessions, person, password):
    with pytest.raises(NotSignedIn) as caught:
        await sessions.by_password(person, password)
    assert caught.value.message == "this name and this password do not go together"
    assert sessions.live(Kind.BROWSER) == ()


@pytest.mark.parametrize("person", ["alice", "nobody"])
async def test_many_at_once_are_no_way_around_waiting(sessions, person):
    tried = await asyncio.gather(
        *(sessions.by_password(person, f"wrong password {number}") for number in range(30)),
        return_exceptions=True,
    )
    assert sum(isinstance(found, NotSignedIn) for found in tried) == 4
    assert sum(isinstance(found, TooMany) for found in tried) == 26
    with pytest.raises(TooMany):
        await sessions.by_password(person, PASSWORD)


async def test_a_link_is_used_once(sessions):
    link = await sessions.link("alice")
    issued = await sessions.by_link(link)
    assert (issued.session.person, issued.session.began) == ("alice", Began.LINK)
    with pytest.raises(NotSignedIn, match="this link is not good"):
        await sessions.by_link(link)


async def test_of_a_hundred_who_have_the_link_one_gets_in(sessions, monkeypatch):
    monkeypatch.setattr(sessions._throttle, "attempt", lambda name: None)
    link = await sessions.link("alice")
    tried = await asyncio.gather(*(sessions.by_link(link) for _ in range(100)), return_exceptions=True)
    assert sum(not isinstance(found, BaseException) for found in tried) == 1


async def test_a_link_is_good_for_ten_minutes(sessions, clock):
    link = await sessions.link("alice")
    clock.step(minutes=10)
    with pytest.raises(NotSignedIn):
        await sessions.by_link(link)


async def test_a_new_link_ends_the_one_before(sessions):
    first, second = await sessions.link("alice"), await sessions.link("alice")
    with pytest.raises(NotSignedIn):
        await sessions.by_link(first)
    assert (await sessions.by_link(second)).session.person == "alice"


@pytest.mark.parametrize("position", range(0, 46, 5))
async def test_a_link_with_a_character_changed_is_none(sessions, position):
    link = await sessions.link("alice")
    other = "A" if link[position] != "A" else "B"
    with pytest.raises(NotSignedIn):
        await sessions.by_link(link[:position] + other + link[position + 1 :])


async def test_it_ends_an_hour_after_it_was_last_used(sessions, clock):
    token = (await sessions.by_password("alice", PASSWORD)).token
    for _ in range(3):
        clock.step(minutes=59)
        assert await sessions.find(token) is not None
    clock.step(minutes=60)
    assert await sessions.find(token) is None
    clock.step(minutes=-60)
    clock.seconds += 7200  # whichever clock was set back, the other holds
    assert await sessions.find(token) is None


async def test_a_look_in_the_background_does_not_keep_it(sessions, clock):
    token = (await sessions.by_password("alice", PASSWORD)).token
    for _ in range(6):
        clock.step(minutes=9)
        assert await sessions.find(token, use=False) is not None
    clock.step(minutes=6)
    assert await sessions.find(token, use=False) is None


async def test_it_ends_twelve_hours_after_it_began(sessions, clock):
    token = (await sessions.by_password("alice", PASSWORD)).token
    for _ in range(23):
        clock.step(minutes=31)
        assert await sessions.find(token) is not None
    clock.step(minutes=7)
    assert await sessions.find(token) is None


async def test_setting_the_wall_clock_back_lengthens_nothing(sessions, clock):
    token = (await sessions.by_password("alice", PASSWORD)).token
    clock.seconds += 3601
    clock.wall -= timedelta(hours=5)
    assert await sessions.find(token) is None


async def test_a_restart_takes_up_what_has_not_ended(sessions, store, clock):
    token = (await sessions.by_password("alice", PASSWORD)).token
    clock.step(minutes=50)
    assert await sessions.find(token) is not None
    clock.step(minutes=50)
    restarted = await again(store, clock)
    assert (await restarted.find(token)).person == "alice"
    clock.step(minutes=60)
    assert await restarted.find(token) is None
    assert (await again(store, clock)).live(Kind.BROWSER) == ()


async def test_one_that_was_ended_is_over_at_once_and_for_good(sessions, store, clock):
    issued = await sessions.by_password("alice", PASSWORD)
    await sessions.end(issued.session.id)
    assert await sessions.find(issued.token) is None
    assert await (await again(store, clock)).find(issued.token) is None
    with pytest.raises(NoSuchSession):
        await sessions.end(issued.session.id)


async def test_a_new_password_ends_the_other_sessions(sessions):
    mine = await sessions.by_password("alice", PASSWORD)
    stolen = await sessions.by_password("alice", PASSWORD)
    machine = await sessions.add_token("alice", "ci", "viewer", timedelta(days=1))
    await sessions.set_password("alice", "an entirely different one", keep=mine.session.id)
    assert await sessions.find(mine.token) is not None
    assert await sessions.find(stolen.token) is None
    assert await sessions.find(machine.token) is not None
    with pytest.raises(NotSignedIn):
        await sessions.by_password("alice", PASSWORD)


async def test_a_bad_password_changes_nothing(sessions):
    with pytest.raises(BadPassword):
        await sessions.set_password("alice", "short")
    assert (await sessions.by_password("alice", PASSWORD)).session.person == "alice"


async def test_a_machines_token_does_not_idle_but_ends_at_its_date(sessions, clock):
    issued = await sessions.add_token("alice", "ci", "viewer", timedelta(days=30))
    assert issued.token.startswith("wt_")
    clock.step(days=29)
    assert (await sessions.find(issued.token)).role == "viewer"
    clock.step(days=1)
    assert await sessions.find(issued.token) is None


async def test_the_sessions_of_one_person_are_bounded(sessions, clock):
    tokens = []
    for _ in range(34):
        clock.step(seconds=1)
        tokens.append((await sessions.by_password("alice", PASSWORD)).token)
    assert len(sessions.live(Kind.BROWSER, "alice")) == 32
    assert [await sessions.find(token) for token in tokens[:2]] == [None, None]
    assert await sessions.find(tokens[2]) is not None


async def test_no_token_and_no_password_is_in_the_store(sessions, store):
    issued = await sessions.by_password("alice", PASSWORD)
    link = await sessions.link("alice")
    content = b"".join(path.read_bytes() for path in store.path.parent.glob("store.db*"))
    assert issued.session.digest in content  # what is looked for would be found
    for secret in (issued.token, issued.token[3:], link, link[3:], PASSWORD):
        assert secret.encode() not in content
    assert digest(issued.token).hex() not in repr(issued.session)
