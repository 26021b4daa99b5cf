"""The encrypted store: what was put in comes out, and a store that was touched gives nothing."""

import io
import json
import os
from datetime import UTC, datetime

import pytest
from wharfinger.credentials import store_key
from wharfinger.credentials.own_store import FILE, LONGEST, OwnStore
from wharfinger.credentials.sources import Asked, Environment, Means, NotFetched
from wharfinger.keeping import private
from wharfinger.rules.models.origins import origin
from wharfinger.running import door
from wharfinger.secret import PASSPHRASE

NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)
OLD = "old_4eC39HqLyjWDarjtT1zdp7dc"
NEW = "new_9dR20PqMyjWDarjtT1zdp8ee"
PHRASE = "correct horse battery staple"


def nobody():
    raise AssertionError("a passphrase was asked for")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Argon2id with little memory; what it costs by default is asserted on its own."""
    monkeypatch.setattr(store_key, "_ARGON", {"memory": 64, "passes": 1, "lanes": 1})


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def filled(data, **values):
    store = OwnStore(data, nobody)
    for name, value in values.items():
        store.put(name, value, NOW)
    return store


def edited(data, change):
    """The store's file after something else has written it."""
    held = json.loads((data / FILE).read_text())
    change(held)
    (data / FILE).write_text(json.dumps(held))


def test_what_was_put_in_comes_out_in_another_process(data):
    filled(data, KEY=OLD, OTHER="ünïcode\nand more lines")
    again = OwnStore(data, nobody)
    entry, value = again.get("KEY")
    assert (value, entry.name, entry.generation, entry.changed) == (OLD, "KEY", 1, NOW)
    assert again.get("OTHER")[1] == "ünïcode\nand more lines"
    assert [each.name for each in again.entries()] == ["KEY", "OTHER"]


def test_nothing_of_a_value_is_in_any_file_or_repr(data):
    store = filled(data, KEY=OLD)
    store.put("KEY", NEW, NOW)
    for path in data.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        for text in (OLD, NEW):
            assert text.encode() not in path.read_bytes()
    assert OLD not in repr(store) + repr(store.get("KEY")[0])


def test_every_writing_has_a_nonce_of_its_own_even_of_the_same_value(data):
    store, nonces = filled(data, KEY=OLD), set()
    for _ in range(5):
        held = json.loads((data / FILE).read_text())
        nonces |= {held["entries"]["KEY"]["nonce"], held["seal"]["nonce"]}
        store.put("KEY", OLD, NOW)
    assert len(nonces) == 10


def test_generations_never_come_back_even_for_a_name_that_was_removed(data):
    store = filled(data, KEY=OLD, OTHER=OLD)
    store.remove("KEY")
    assert store.put("KEY", OLD, NOW).generation == 3
    assert store.put("KEY", NEW, NOW).generation == 4
    with pytest.raises(NotFetched, match='no entry "GONE"'):
        store.remove("GONE")


def test_a_store_that_is_not_there_says_how_to_make_one(data):
    with pytest.raises(NotFetched, match="there is no store of credentials") as caught:
        OwnStore(data, nobody).get("KEY")
    assert "wharfinger credentials set" in caught.value.hint
    assert OwnStore(data, nobody).entries() == ()
    filled(data, KEY=OLD)
    with pytest.raises(NotFetched, match='no entry "OTHER"'):
        OwnStore(data, nobody).get("OTHER")


def swap(held):
    entries = held["entries"]
    entries["KEY"], entries["OTHER"] = entries["OTHER"], entries["KEY"]


def rename(held):
    held["entries"]["THIRD"] = held["entries"]["KEY"]


def older(held):
    held["entries"]["KEY"]["generation"] -= 1


def ageless(held):
    held["entries"]["KEY"]["changed"] = "2027-01-14T12:00:00+00:00"


def flip(held):
    sealed = held["entries"]["KEY"]["sealed"]
    held["entries"]["KEY"]["sealed"] = ("B" if sealed[0] == "A" else "A") + sealed[1:]


def counted(held):
    held["last"] = 0


@pytest.mark.parametrize(
    "change",
    [
        swap,
        rename,
        older,
        ageless,
        flip,
        counted,
        lambda held: held["entries"].pop("OTHER"),
        lambda held: held.pop("seal"),
        lambda held: held["seal"].update(tag="AAAA"),
        lambda held: held["seal"].update(nonce=7),
    ],
    ids=["swapped", "renamed", "older", "aged", "flipped", "counted", "removed", "unsealed", "tag", "nonce"],
)
def test_a_store_that_something_else_wrote_gives_nothing(data, change):
    filled(data, KEY=OLD, OTHER=NEW)
    edited(data, change)
    for name in ("KEY", "OTHER", "THIRD"):
        with pytest.raises(NotFetched, match="changed by something else") as caught:
            OwnStore(data, nobody).get(name)
        assert OLD not in str(caught.value)
    with pytest.raises(NotFetched, match="changed"):
        OwnStore(data, nobody).put("KEY", NEW, NOW)


def test_a_value_is_bound_to_its_entry_also_where_the_whole_is_sealed_anew(data):
    """Each value says itself which it is: the seal of the whole is not all that holds them."""
    store = filled(data, KEY=OLD, OTHER=NEW)
    held, keys = store._opened()
    swap(held)
    store._write(held, keys)
    with pytest.raises(NotFetched, match='the entry "KEY" of the store was changed'):
        store.get("KEY")


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_a_store_that_was_cut_off_gives_nothing(data, share):
    filled(data, KEY=OLD, OTHER=NEW)
    content = (data / FILE).read_bytes()
    (data / FILE).write_bytes(content[: int(len(content) * share)])
    for act in (lambda store: store.get("KEY"), OwnStore.entries, lambda store: store.put("KEY", NEW, NOW)):
        with pytest.raises(NotFetched, match="cut off"):
            act(OwnStore(data, nobody))
    assert (data / FILE).read_bytes() == content[: int(len(content) * share)]


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "null", '{"version": 1}', '{"version": 1, "id": "x", "key": {}, "last": 0, "entries": 5}'],
)
def test_what_is_no_store_is_told(data, text):
    private.replace(data / FILE, text.encode())
    with pytest.raises(NotFetched, match="is none"):
        OwnStore(data, nobody).entries()


def test_a_store_of_a_later_version_is_left_alone(data):
    filled(data, KEY=OLD)
    edited(data, lambda held: held.update(version=2))
    with pytest.raises(NotFetched, match="another version"):
        OwnStore(data, nobody).get("KEY")


def test_a_store_that_others_may_read_or_that_is_a_link_is_refused(data, tmp_path):
    filled(data, KEY=OLD)
    (data / FILE).chmod(0o644)
    with pytest.raises(NotFetched, match="open to other users"):
        OwnStore(data, nobody).get("KEY")
    (data / FILE).chmod(0o600)
    (data / FILE).rename(tmp_path / "elsewhere")
    (data / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotFetched, match="symbolic link"):
        OwnStore(data, nobody).get("KEY")


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "é"])
def test_a_name_is_plain(data, name):
    with pytest.raises(NotFetched, match="not a name"):
        OwnStore(data, nobody).put(name, OLD, NOW)


@pytest.mark.parametrize("value", ["", "x" * (LONGEST + 1)])
def test_a_value_is_neither_empty_nor_endless(data, value):
    with pytest.raises(NotFetched, match="empty, or longer"):
        OwnStore(data, nobody).put("KEY", value, NOW)
    assert not (data / FILE).exists()


def test_what_cannot_be_written_leaves_the_store_as_it_was(data, monkeypatch):
    store, before = filled(data, KEY=OLD), (data / FILE).read_bytes()

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private, "write_new", full)
    with pytest.raises(NotFetched, match="no space left on device"):
        store.put("KEY", NEW, NOW)
    assert (data / FILE).read_bytes() == before
    assert OwnStore(data, nobody).get("KEY")[1] == OLD


def test_it_is_written_through_to_the_disk_before_it_is_in_place(data, monkeypatch):
    done = []
    for name in ("fsync", "replace", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, _n=name, _r=real, **k: (done.append(_n), _r(*a, **k))[1])
    filled(data, KEY=OLD)
    places = [index for index, name in enumerate(done) if name in {"replace", "rename"}]
    assert "fsync" in done[: places[-1]]
    assert "fsync" in done[places[-1] :]


# The key


def test_a_passphrase_opens_it_and_no_other_does(data):
    asked = []

    def ask():
        asked.append(1)
        return PHRASE

    store = OwnStore(data, ask)
    store.put("KEY", OLD, NOW, key="passphrase")
    store.put("OTHER", NEW, NOW)
    assert store.get("KEY")[1] == OLD
    assert len(asked) == 1  # it is kept, as long as the process runs
    assert OwnStore(data, ask).get("OTHER")[1] == NEW
    with pytest.raises(NotFetched, match="the passphrase is wrong"):
        OwnStore(data, lambda: PHRASE + "r").get("KEY")
    assert [each.name for each in OwnStore(data, nobody).entries()] == ["KEY", "OTHER"]
    assert PHRASE.encode() not in (data / FILE).read_bytes()
    assert not (data / store_key.KEY_FILE).exists()


def test_a_passphrase_that_is_short_is_not_taken(data):
    with pytest.raises(NotFetched, match="fewer than 12 characters"):
        OwnStore(data, lambda: "hunter2").put("KEY", OLD, NOW, key="passphrase")
    assert not (data / FILE).exists()


def test_the_passphrase_is_stretched_as_rfc_9106_recommends(data, monkeypatch):
    monkeypatch.undo()
    OwnStore(data, lambda: PHRASE).put("KEY", OLD, NOW, key="passphrase")
    said = json.loads((data / FILE).read_text())["key"]
    assert {name: said[name] for name in ("how", "memory", "passes", "lanes")} == {
        "how": "passphrase", "memory": 65536, "passes": 3, "lanes": 4,
    }  # fmt: skip
    assert OwnStore(data, lambda: PHRASE).get("KEY")[1] == OLD


@pytest.mark.parametrize(
    "said",
    [
        {"memory": 1 << 30},
        {"passes": 10**6},
        {"lanes": 0},
        {"memory": "64"},
        {"passes": True},
        {"salt": "AA=="},
    ],
    ids=["memory", "passes", "lanes", "text", "bool", "salt"],
)
def test_a_store_that_asks_for_too_much_is_not_opened(data, said):
    OwnStore(data, lambda: PHRASE).put("KEY", OLD, NOW, key="passphrase")
    edited(data, lambda held: held["key"].update(said))
    with pytest.raises(NotFetched, match=r"asks too much|salt is not"):
        OwnStore(data, lambda: PHRASE).get("KEY")


def test_a_key_in_a_file_is_private_and_the_right_one(data):
    store = filled(data, KEY=OLD)
    key = data / store_key.KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    for content, told in ((b"x" * 32, "another key than the file's"), (b"x" * 31, "no key of 32 bytes")):
        private.replace(key, content)
        with pytest.raises(NotFetched, match=told):
            OwnStore(data, nobody).get("KEY")
    key.chmod(0o640)
    with pytest.raises(NotFetched, match="open to other users"):
        OwnStore(data, nobody).get("KEY")
    key.unlink()
    with pytest.raises(NotFetched, match="is not there"):
        OwnStore(data, nobody).get("KEY")
    assert store.get("KEY")[1] == OLD  # whoever has it open keeps it


def test_a_new_key_seals_everything_anew(data):
    store = filled(data, KEY=OLD, OTHER=NEW)
    before = json.loads((data / FILE).read_text())
    assert store.rekey("passphrase", lambda: PHRASE) == 2
    after = json.loads((data / FILE).read_text())
    assert before["id"] != after["id"]
    again = OwnStore(data, lambda: PHRASE)
    assert (again.get("KEY")[1], again.get("OTHER")[1]) == (OLD, NEW)
    assert [each.generation for each in again.entries()] == [1, 2]
    with pytest.raises(NotFetched, match="fewer than 12"):
        again.rekey("passphrase", lambda: "short")
    assert OwnStore(data, lambda: PHRASE).get("KEY")[1] == OLD


def test_the_passphrase_comes_from_the_environment_and_leaves_it(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    variables = {PASSPHRASE: PHRASE}
    ask = store_key.passphrase(Environment(variables))
    assert (ask(), ask(), variables) == (PHRASE, PHRASE, {})
    with pytest.raises(NotFetched, match="no terminal"):
        store_key.passphrase(Environment({}))()


def test_no_agent_is_given_the_passphrase():
    assert door.without({PASSPHRASE: PHRASE, "HOME": "/x"}) == {"HOME": "/x"}


def test_a_credential_is_had_from_it(data, tmp_path):
    asked = Asked(tmp_path, Means(Environment({}), filled(data, KEY=OLD)))
    value = asked.source(origin("store:KEY")).fetch()
    assert (value.text, value.version, value.due) == (OLD, "1", None)
    with pytest.raises(NotFetched, match="no data folder"):
        Asked(tmp_path, Means(Environment({}))).source(origin("store:KEY")).fetch()
