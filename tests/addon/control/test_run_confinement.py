"""What a run says of its confinement is one of three words, and is told to what identifies its requests."""

from __future__ import annotations

import pytest
from wharfinger.control.protocol import ControlError


@pytest.mark.parametrize("said", ["isolated", "landlock", "none", None])
async def test_it_is_passed_on(served, do, said: str | None) -> None:
    told: list[str] = []
    served.services.run_began = lambda run, agent, reason, *, confinement="none": told.append(confinement)
    given = {} if said is None else {"confinement": said}
    assert (await do("runs.issue", "alice", agent="bot", **given))["agent"] == "bot"
    assert told == [said or "none"]


@pytest.mark.parametrize("said", ["", "Isolated", "isolated ", "container"])
async def test_another_word_is_refused_and_no_run_begins(served, do, said: str) -> None:
    before = list(served.told)
    with pytest.raises(ControlError, match="a run's confinement is one of isolated, landlock, none"):
        await do("runs.issue", "alice", agent="bot", confinement=said)
    assert served.told == before
