"""How claims are told: plainly, with what was found instead, and never with a real key."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from wharfinger.demo.show import Show, Story

KEY = "sk_live_" + "k" * 24


def _told(kind: type[Show], *, holds: bool, detail: str = "") -> tuple[Show, str]:
    out = io.StringIO()
    show = kind(Console(file=out, width=100, no_color=True))
    show.hide({KEY: "real Stripe key"})
    show.opening()
    show.scene("A scene", "About something.")
    show.output("agent sees", f"key {KEY} [not markup]")
    show.claim("a claim", holds, detail)
    show.closing(1.0, "wharfinger", "")
    return show, out.getvalue()


def test_plain_lines() -> None:
    assert _told(Show, holds=True)[1].splitlines() == [
        "ok: a claim",
        "1 of 1 claims hold (1 s)",
        "next: wharfinger init, then wharfinger run --agent NAME -- CMD",
    ]
    assert _told(Show, holds=False, detail="found\nthat")[1].splitlines()[:4] == [
        "FAILED: a claim",
        "  | found",
        "  | that",
        "0 of 1 claims hold (1 s)",
    ]


@pytest.mark.parametrize("kind", [Show, Story])
@pytest.mark.parametrize("holds", [True, False])
def test_no_real_key_is_ever_shown(kind: type[Show], *, holds: bool) -> None:
    show, text = _told(kind, holds=holds, detail=f"got {KEY}")
    assert KEY not in text
    assert [claim.holds for claim in show.claims] == [holds]


def test_the_story_is_told_in_full() -> None:
    text = _told(Story, holds=True)[1]
    assert "key ‹real Stripe key› [not markup]" in text
    assert "✓ a claim" in text
    assert "run --agent NAME -- CMD" in text
    assert max(len(line) for line in text.splitlines()) <= 100
