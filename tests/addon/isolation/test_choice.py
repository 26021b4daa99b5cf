"""What a run gets: a sandbox on Linux, unless somebody says otherwise in words that mean one thing."""

from __future__ import annotations

import pytest
from wharfinger.isolation.choice import CannotChoose, Choice, Kind, choose


@pytest.mark.parametrize(
    ("isolate", "no_isolate", "system", "wanted"),
    [
        (None, False, "linux", Choice(Kind.SANDBOX, by_default=True)),
        (None, False, "darwin", Choice(Kind.NONE, by_default=True)),
        (None, True, "linux", Choice(Kind.NONE)),
        ("sandbox", False, "linux", Choice(Kind.SANDBOX)),
        ("sandbox", False, "darwin", Choice(Kind.SANDBOX)),
        ("netns:agent-1", False, "linux", Choice(Kind.NAMESPACE, "agent-1")),
    ],
)
def test_what_is_asked_for(isolate: str | None, no_isolate: bool, system: str, wanted: Choice) -> None:
    assert choose(isolate, no_isolate=no_isolate, system=system) == wanted


@pytest.mark.parametrize(
    ("isolate", "no_isolate"),
    [
        ("sandbox", True),
        ("netns:one", True),
        ("claude", False),
        ("netns", False),
        ("netns:", False),
        ("netns:../../proc/1/ns/net", False),
        ("netns:a/b", False),
        ("netns:.", False),
        ("", False),
    ],
)
def test_what_means_nothing_is_refused(isolate: str, no_isolate: bool) -> None:
    with pytest.raises(CannotChoose):
        choose(isolate, no_isolate=no_isolate, system="linux")
