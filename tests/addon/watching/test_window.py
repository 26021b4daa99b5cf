"""Which rows are on the screen."""

from __future__ import annotations

from wharfinger.watching.window import Window


def rows(newest: int) -> list[str]:
    return [str(number) for number in range(newest, -1, -1)]


def test_without_a_choice_the_newest_are_shown():
    window = Window()
    assert window.show(rows(9), 3) == (0, 3)
    assert window.show(rows(1), 5) == (0, 2)
    assert window.show([], 5) == (0, 0)


def test_the_chosen_row_stays_where_it_is_while_others_come():
    window = Window()
    window.move(rows(9), 0)
    window.move(rows(9), 1)
    assert (window.chosen, window.show(rows(9), 4)) == ("8", (0, 4))
    first, _ = window.show(rows(20), 4)
    assert (rows(20)[first + 1], window.chosen) == ("8", "8")
    window.release()
    assert window.show(rows(20), 4) == (0, 4)


def test_moving_scrolls_at_the_edges_and_ends_with_the_rows():
    window = Window()
    seen = rows(9)
    window.move(seen, 0)
    for _ in range(20):
        window.move(seen, 1)
        first, behind = window.show(seen, 4)
        assert window.chosen in seen[first:behind]
    assert (window.chosen, first, behind) == ("0", 6, 10)
    window.move(seen, -100)
    assert (window.chosen, window.show(seen, 4)) == ("9", (0, 4))


def test_a_chosen_row_that_is_gone_is_chosen_no_more():
    window = Window("7")
    assert window.show(["9", "8"], 5) == (0, 2)
    assert window.chosen == ""
    window.move([], 1)
    assert window.chosen == ""


def test_a_screen_that_shrinks_still_shows_the_chosen_row():
    window = Window()
    seen = rows(30)
    window.move(seen, 0)
    window.move(seen, 15)
    for height in (20, 9, 2, 1, 0, 12):
        first, behind = window.show(seen, height)
        assert window.chosen in seen[first:behind]
