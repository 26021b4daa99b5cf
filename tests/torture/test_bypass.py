"""The bypass trials in their short form: a sample of every class, look-alikes too, on a real proxy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts" / "torture"
sys.path.insert(0, str(SCRIPTS))

from bypassing import bugs, namespace, reflecting, spotting, vectors  # noqa: E402
from bypassing.classes import every  # noqa: E402
from bypassing.deeds.all import every as deeds  # noqa: E402
from bypassing.permitted import permitted  # noqa: E402
from bypassing.record import Connection  # noqa: E402
from bypassing.wire import Odd, Seen, parsed  # noqa: E402
from bypassing.world import ADDRESSES, API  # noqa: E402

NAMESPACES = pytest.mark.skipif(not namespace.command(), reason="needs the right to make namespaces")
SECRET = "sk_live_0123456789abcdef0123456789abcdef+/x"


def trial(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "bypass.py"), *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@NAMESPACES
@pytest.mark.timeout(300)
def test_of_a_sample_of_every_class_nothing_gets_through_and_nothing_harmless_is_kept_out() -> None:
    code, said = trial("--share", "0.06", "--seed", "7", "--bytes")
    assert code == 0, said
    (row,) = re.findall(
        r"\*\*all (\d+)\*\* \| \*\*(\d+)\*\* \| \*\*(\d+)\*\* \| \*\*(\d+)\*\* \| \*\*(\d+)\*\*", said
    )
    classes, tried, alike, kept, through = map(int, row)
    assert classes >= 45
    assert tried > 200
    assert alike >= classes
    assert (through, kept) == (0, 0)


@NAMESPACES
@pytest.mark.timeout(300)
def test_of_a_sample_of_what_is_done_to_it_nothing_comes() -> None:
    code, said = trial("--share", "0.1", "--seed", "7", "--only", "A05", "A06", "A07", "D04")
    assert code == 0, said
    (row,) = re.findall(r"\*\*all 4\*\* \| \*\*(\d+)\*\* \| \*\*(\d+)\*\* \| \*\*(\d+)\*\*", said)
    tried, alike, kept = map(int, row)
    assert tried > 30
    assert alike >= 4
    assert kept == 0


@NAMESPACES
@pytest.mark.timeout(300)
def test_a_seeded_bug_is_found() -> None:
    number = next(n for n, bug in enumerate(bugs.BUGS, 1) if bug.says == "any upgrade passes")
    code, said = trial("--bugs", str(number), "--only", "F06")
    assert code == 0, said
    assert "1 of 1 seeded bugs found" in said


def test_there_is_as_much_as_is_said() -> None:
    classes = every()
    assert len({each.name for each in classes}) == len(classes) >= 45
    assert sum(len(each.vectors) for each in classes) >= 2000
    assert sum(len(each.alike) for each in classes) >= 500
    assert len(bugs.BUGS) >= 40
    assert all(each.vectors and each.alike for each in classes)


def test_every_class_of_the_catalogue_is_tried() -> None:
    """H, P, F, S, D and A, whole."""
    wanted = {
        f"{letter}{number:02}"
        for letter, most in (("H", 23), ("P", 10), ("F", 10), ("S", 18), ("D", 7), ("A", 10))
        for number in range(1, most + 1)
    }
    themes = deeds()
    assert wanted <= {each.id for each in every()} | {theme.id for theme in themes}
    assert {theme.id for theme in themes} <= {name for bug in bugs.BUGS for name in bug.classes}


def test_every_vector_can_be_told_by_its_tag() -> None:
    """It stands in what is sent: else nobody could say what it was that reached an origin."""
    held = dict.fromkeys(("API", "OTHER", "QUERY", "LOGIN", "FOREIGN", "AUTH"), "placeholder-of-an-agent")
    for tag, _, vector, _ in vectors.numbered(every()):
        place = vectors.marked(vector.connect or b"", held, tag, None)
        sent = b"".join((place, *vectors.sent(vector, held, tag)))
        assert tag.encode() in sent or b"PRI * HTTP/2.0" in sent


def test_the_line_of_every_seeded_bug_is_there() -> None:
    """Where one has changed, its row in `bugs` has to follow."""
    assert bugs.misplaced() == []


@pytest.mark.parametrize("name", [*reflecting.SPELLINGS, *reflecting.DEEPER])
def test_the_spotter_reads_every_spelling(name: str) -> None:
    (reply,) = reflecting.coded(SECRET, name, "plain")
    body = reply.partition(b"\r\n\r\n")[2]
    assert spotting.spot(body, [SECRET.encode()]) is not None
    assert spotting.spot(body.replace(b"0123456789abcdef", b"-"), [b"-" * 40]) is None


@pytest.mark.parametrize("name", [name for name in reflecting.CODINGS if "cut" not in name])
def test_the_spotter_reads_every_coding(name: str) -> None:
    (reply,) = reflecting.coded(SECRET, "raw", name)
    body = reply.partition(b"\r\n\r\n")[2]
    assert spotting.spot(body, [SECRET.encode()]) is not None or name in {"deflate-behind", "br-behind"}


REQUEST = "GET /items/1 HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
ODD = {
    "a folded field": REQUEST.replace("\r\n\r\n", "\r\nX: a\r\n b\r\n\r\n"),
    "a bare return": REQUEST.replace("\r\n\r\n", "\r\nX: a\rb\r\n\r\n"),
    "two Hosts": REQUEST.replace("Host", "Host: x\r\nHost"),
    "two framings": REQUEST.replace(
        "\r\n\r\n", "\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "another version": REQUEST.replace("HTTP/1.1", "HTTP/1.2"),
    "an absolute target": REQUEST.replace("/items", "http://api.example.com/items"),
    "a path that is not allowed": REQUEST.replace("/items/1", "/admin/1"),
    "dot segments": REQUEST.replace("/items/1", "/files/public/../x"),
    "another method": REQUEST.replace("GET", "DELETE"),
    "half a head": REQUEST[:-4],
    "an override": REQUEST.replace("/items/1", "/items/1?_method=DELETE"),
}


def read(text: str) -> list[Seen]:
    connection = Connection(1, ADDRESSES[API], 443, API, tls=True, raw=bytearray(text.encode()))
    seen = list(parsed(connection, API))
    for each in seen:
        permitted(each)
    return seen


def test_the_judge_reads_plain_requests() -> None:
    assert [seen.target for seen in read(REQUEST * 2)] == ["/items/1"] * 2


@pytest.mark.parametrize("name", ODD)
def test_the_judge_finds_what_is_odd(name: str) -> None:
    with pytest.raises(Odd):
        read(ODD[name])
