"""Secrets: named everywhere, shown nowhere."""

import copy
import json
import pickle
import pprint
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wharfinger.secret import Secret

VALUE = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@dataclass(frozen=True, slots=True)
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{!r}".format,
        "{:>40}".format,
        pprint.pformat,
        lambda s: "%s %r" % (s, s),  # noqa: UP031
        lambda s: f"{[s]} {(s,)} { {'k': s} }",
        lambda s: repr(Holder(s)),
        lambda s: repr(asdict(Holder(s))),
        lambda s: json.dumps({"s": s}, default=str),
        lambda s: str(orjson.dumps({"s": s}, default=str)),
        lambda s: repr(copy.deepcopy([s])),
        lambda s: repr(dir(s)),
    ],
)
def test_no_way_of_showing_a_secret_shows_its_value(show):
    text = show(Secret("STRIPE", VALUE))
    assert VALUE not in text


@given(st.text(min_size=8, alphabet=st.characters(min_codepoint=48, max_codepoint=122)))
def test_the_value_is_in_no_repr_whatever_it_is(value):
    assert value not in repr(Secret("X", value)).removeprefix("Secret(X)")


def test_reveal_gives_the_value():
    assert Secret("X", VALUE).reveal() == VALUE


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol):
    with pytest.raises(TypeError, match=r"Secret\(X\) does not leave its process") as caught:
        pickle.dumps(Secret("X", VALUE), protocol)
    assert VALUE not in "".join(traceback.format_exception(caught.value))


def test_a_secret_gives_no_state():
    with pytest.raises(TypeError):
        Secret("X", VALUE).__getstate__()


def test_a_copy_of_a_secret_is_the_secret():
    secret = Secret("X", VALUE)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret


def test_same_as_compares_values():
    assert Secret("A", VALUE).same_as(Secret("B", VALUE))
    assert not Secret("A", VALUE).same_as(Secret("A", VALUE + "x"))
    assert Secret("A", "ü").same_as(Secret("A", "ü"))


def test_a_disarmed_process_makes_no_core_and_is_not_dumpable():
    code = (
        "import ctypes, resource\n"
        "from wharfinger.secret import disarm_process\n"
        "disarm_process()\n"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 (0, 0)\n"


def test_a_process_that_cannot_be_disarmed_says_so():
    code = (
        "import ctypes\n"
        "from wharfinger import secret\n"
        "class Refusing:\n"
        "    def prctl(self, *args): ctypes.set_errno(1); return -1\n"
        "secret.ctypes.CDLL = lambda *a, **k: Refusing()\n"
        "try: secret.disarm_process()\n"
        "except secret.NotDisarmed as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cannot be kept from leaving its memory" in done.stdout
    assert "hint: run it on Linux" in done.stdout
