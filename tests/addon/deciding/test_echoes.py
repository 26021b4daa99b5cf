"""Whoever guesses at secrets by what is masked is slowed down; nobody else is."""

from wharfinger.deciding.echoes import MOST, WINDOW, Echoes


def met(count: int, findings: dict[str, int]) -> Echoes:
    echoes = Echoes()
    for number in range(count):
        echoes.note("bot", findings, number / 100)
    return echoes


def test_so_many_answers_with_a_secret_and_no_more() -> None:
    now = MOST / 100
    assert not met(MOST - 1, {"STRIPE_API_KEY": 1}).too_many("bot", now)
    echoes = met(MOST, {"STRIPE_API_KEY": 7, "email": 1})
    assert echoes.too_many("bot", now)
    assert not echoes.too_many("other", now)
    assert not echoes.too_many("bot", WINDOW)


def test_findings_that_are_no_secret_count_for_nothing() -> None:
    assert not met(2 * MOST, {"email": 3, "fields": 9}).too_many("bot", 0.0)
    assert not met(2 * MOST, {}).too_many("bot", 0.0)
