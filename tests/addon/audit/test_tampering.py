"""The short form of `scripts/torture/tamper.py`: whatever is done to a log is found, given a checkpoint."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from wharfinger.audit import published

SCRIPT = Path(__file__).parents[3] / "scripts" / "torture" / "tamper.py"


@pytest.fixture(scope="module")
def tamper() -> ModuleType:
    import sys

    loader = SourceFileLoader("tamper", str(SCRIPT))
    module = module_from_spec(spec_from_loader("tamper", loader))  # type: ignore[arg-type]
    sys.modules["tamper"] = module
    loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "_PAUSE", 0)


def test_random_edits_are_found(tamper: ModuleType) -> None:
    with tamper.prepared(100) as target:
        made, missed = tamper.random_edits(target, 1500, "1/0")
    assert missed == []
    assert made.keys() == tamper.EDITS.keys()
    assert min(made.values()) > 50


def test_flipped_bits_are_found(tamper: ModuleType) -> None:
    with tamper.prepared(100) as target:
        made, missed = tamper.bits(target, 5, 499)
    assert missed == []
    assert made.total() > 500


def test_what_is_whole_passes(tamper: ModuleType) -> None:
    """The control: a verifier that objects to everything would find every edit too."""
    with tamper.prepared(100) as target:
        assert not target.found(alone=False)
        assert not target.found(alone=True)
