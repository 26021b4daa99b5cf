"""Keys, tokens and placeholders: derived, apart from each other, and checked whole."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.keeping.keys import KEY_FILE, Identity, Keys, KeyUnusable, Purpose

ROOT = bytes(range(32))
KEYS = Keys(ROOT)
NOW = datetime(2026, 1, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
names = st.text(min_size=1, max_size=40, alphabet=st.characters(exclude_categories=["Cs"]))


# the installation key


def test_the_key_is_made_once_private_and_kept(tmp_path):
    first = Keys.open(tmp_path)
    found = (tmp_path / KEY_FILE).stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_size == 32
    assert Keys.open(tmp_path).derive(Purpose.TOKENS) == first.derive(Purpose.TOKENS)
    assert [p.name for p in tmp_path.iterdir()] == [KEY_FILE]


def test_of_many_that_make_the_key_at_once_all_get_the_same(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: Keys.open(tmp_path).derive(Purpose.AUDIT), range(32)))
    assert len(made) == 1


def _loose(path):
    path.write_bytes(ROOT)
    path.chmod(0o640)


def _short(path):
    path.write_bytes(ROOT[:31])
    path.chmod(0o600)


def _long(path):
    path.write_bytes(ROOT + b"x")
    path.chmod(0o600)


def _link(path):
    (path.parent / "elsewhere").write_bytes(ROOT)
    (path.parent / "elsewhere").chmod(0o600)
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_loose, r"is open to other users \(mode 0640\)"),
        (_short, "an installation key has 32 bytes, not 31"),
        (_long, "is longer than 32 bytes"),
        (_link, "is a symbolic link"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: os.mkfifo(path, 0o600), "is not a regular file"),
    ],
)
def test_a_key_file_that_is_not_as_it_must_be_is_refused(tmp_path, make, message):
    make(tmp_path / KEY_FILE)
    with pytest.raises(KeyUnusable, match=message) as caught:
        Keys.open(tmp_path)
    assert ROOT.hex() not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(KeyUnusable, match="cannot be made: no such file"):
        Keys.open(tmp_path / "gone")


def test_keys_show_nothing():
    assert repr(KEYS) == "Keys()"


def test_every_purpose_has_a_key_of_its_own_by_hkdf():
    derived = {purpose: KEYS.derive(purpose) for purpose in Purpose}
    assert len(set(derived.values())) == len(Purpose)
    for purpose, key in derived.items():
        info = f"wharfinger/1/{purpose}".encode()
        assert key == HKDF(SHA256(), 32, salt=None, info=info).derive(ROOT)


# tokens


def test_a_token_proves_its_agent():
    token = KEYS.agent_token("ag_1", 3)
    assert re.fullmatch("[A-Za-z0-9_-]{40,}", token)
    assert KEYS.verify_token(token, "ag_1", 3, NOW) == Identity()


@pytest.mark.parametrize(
    ("agent", "generation"), [("ag_2", 3), ("ag_1", 4), ("ag_1", 2), ("ag_13", 1), ("", 3)]
)
def test_a_token_proves_no_other_agent_or_generation(agent, generation):
    assert KEYS.verify_token(KEYS.agent_token("ag_1", 3), agent, generation, NOW) is None
    assert KEYS.verify_token(KEYS.agent_token("ag_1", 3, "r1"), agent, generation, NOW) is None


def test_a_token_of_another_installation_proves_nothing():
    assert Keys(bytes(32)).verify_token(KEYS.agent_token("ag_1", 1), "ag_1", 1, NOW) is None


def test_a_run_token_carries_its_run_and_its_end():
    token = KEYS.agent_token("ag_1", 1, "8f3c", NOW + HOUR)
    assert re.fullmatch("[A-Za-z0-9_-]+", token)
    assert KEYS.verify_token(token, "ag_1", 1, NOW) == Identity("8f3c", NOW + HOUR)
    assert KEYS.verify_token(token, "ag_1", 1, NOW + HOUR - timedelta(seconds=1)) is not None
    assert KEYS.verify_token(token, "ag_1", 1, NOW + HOUR) is None


def test_a_run_token_without_an_end_is_good_as_long_as_its_run():
    token = KEYS.agent_token("ag_1", 1, "8f3c")
    assert KEYS.verify_token(token, "ag_1", 1, NOW + 10000 * HOUR) == Identity("8f3c")


def test_neither_run_nor_end_of_a_token_can_be_changed():
    token = KEYS.agent_token("ag_1", 1, "8f3c", NOW)
    kind, run, end, mac = token.split("_", 3)
    for forged in (
        f"wr_other_{end}_{mac}",
        f"wr_{run}_0_{mac}",
        f"wr_{run}_{int(end) + 3600}_{mac}",
        f"wr_{run}{end}__{mac}",
        f"wa_{mac}",
        f"{kind}_{run}_{end}_{mac}x",
        f"{kind}_{run}_{end}_{mac[:-1]}",
    ):
        assert KEYS.verify_token(forged, "ag_1", 1, NOW - HOUR) is None
    assert KEYS.verify_token(token, "ag_1", 1, NOW - HOUR) is not None


@given(st.text(max_size=120) | st.from_regex(r"w[ar]_[^_]*_?[^_]*_.*", fullmatch=True))
def test_no_text_is_a_token_by_chance_or_an_error(text):
    assert KEYS.verify_token(text, "ag_1", 1, NOW) is None


@given(names, st.integers(1, 10**6), st.none() | st.from_regex("[0-9a-z]{1,20}", fullmatch=True), names)
def test_what_is_issued_is_verified_for_that_agent_alone(agent, generation, run, other):
    token = KEYS.agent_token(agent, generation, run)
    assert KEYS.verify_token(token, agent, generation, NOW) == Identity(run)
    if other != agent:
        assert KEYS.verify_token(token, other, generation, NOW) is None


# placeholders


def test_a_placeholder_looks_like_a_key():
    text = KEYS.placeholder("ag_1", "STRIPE_API_KEY", "sk_test_")
    assert re.fullmatch("sk_test_[0-9A-Za-z]{36}", text)
    assert text == KEYS.placeholder("ag_1", "STRIPE_API_KEY", "sk_test_")


@given(names, names, names, names)
def test_each_agent_and_credential_has_a_placeholder_of_its_own(agent, credential, agent2, credential2):
    same = (agent, credential) == (agent2, credential2)
    assert (KEYS.placeholder(agent, credential) == KEYS.placeholder(agent2, credential2)) is same


def test_parts_do_not_run_into_each_other():
    assert KEYS.placeholder("ab", "c") != KEYS.placeholder("a", "bc")
    assert KEYS.agent_token("ag_1", 11) != KEYS.agent_token("ag_11", 1)
