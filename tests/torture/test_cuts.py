"""Redaction in parts is redaction of the whole, and what digs for secrets in it would find one."""

from __future__ import annotations

import random
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PATH = Path(__file__).parent.parent.parent / "scripts" / "torture" / "cuts.py"
SECRET = "sk_live_Zk3vQ8m1X5b7N2c4R6t9"


@pytest.fixture(scope="module")
def cuts() -> ModuleType:
    loader = SourceFileLoader("torture_cuts", str(PATH))
    module = module_from_spec(spec_from_loader(loader.name, loader) or pytest.fail("no spec"))
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


def _again(cuts: ModuleType, first: str) -> dict[str, Any]:
    """What is encoded again after `first`."""
    if first in cuts.LINES:
        return {}
    return cuts.AFTER_SPELLED_OUT if first in cuts.SPELLED_OUT else cuts.TWICE


def test_in_parts_it_is_what_it_is_whole(cuts: ModuleType) -> None:
    known = cuts.SecretSet.of(cuts.SECRETS)
    met = {way for number in range(160) for way in cuts.trial(number, 7, known, 10)}
    assert len(met) > 60


def test_the_decoder_digs_up_every_spelling_of_a_spelling(cuts: ModuleType) -> None:
    """A positive control: where nothing is redacted, it finds the secret, however it is hidden."""
    dice = random.Random(1)
    for first, encode in cuts.ONCE.items():
        once = encode(SECRET.encode(), dice)
        assert cuts.unearth(b"{" + once + b"}", [SECRET]) == {SECRET}, first
        again = _again(cuts, first)
        for second, encode_again in again.items():
            twice = encode_again(once, dice)
            assert cuts.unearth(b"{" + twice + b"}", [SECRET]) == {SECRET}, (second, first)


def test_every_spelling_of_a_spelling_is_redacted(cuts: ModuleType) -> None:
    """Each pair of encoders there is, whatever bytes stand around: no secret can be dug up afterwards."""
    known = cuts.SecretSet.of(cuts.SECRETS)
    dice = random.Random(2)
    for secret in ("user@example.com:pa/ss+word=&more", SECRET):
        for first, encode in cuts.ONCE.items():
            once = encode(secret.encode(), dice)
            again = _again(cuts, first)
            for second, text in [("", once), *((name, way(once, dice)) for name, way in again.items())]:
                out, found = known.redact(b"<p>" + text + b"</p>")
                assert found.total() >= 1, (second, first, secret)
                assert not cuts.unearth(out, [secret]), (second, first, secret)
