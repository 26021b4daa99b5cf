# ruff: noqa: E501 -- tables of vectors are read by their rows
"""Bugs put into a copy of the code, one line each: the vectors must find every one of them.

Each is what somebody might write, or forget, in the line that keeps a class of attacks out. A bug is found
when a vector of the classes named (or of any other, failing that) succeeds, or a look-alike fails, that
does not without the bug. Lines are looked up by their text, so code may move from file to file.
"""

from __future__ import annotations

import functools
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bypassing import doing, trial
from bypassing.deeds.all import every
from bypassing.stage import ROOT, Stage, Wharfinger, copied


@functools.cache
def _texts(root: Path) -> tuple[tuple[Path, str], ...]:
    paths = sorted(path for name in ("addon", "rules") for path in (root / name).rglob("*.py"))
    return tuple((path, path.read_text()) for path in paths)


@dataclass(frozen=True)
class Bug:
    """One line made wrong."""

    says: str
    """What the code then does."""
    file: str
    """Where the line stood when this was written."""
    before: str
    """Part of a line that stands in one place only."""
    after: str
    classes: tuple[str, ...]
    """Where it is looked for first."""

    def place(self, root: Path) -> Path:
        """The file that holds the line now. Raises ValueError if it stands nowhere, or twice."""
        found = [path for path, text in _texts(root) if self.before in text]
        if len(found) != 1 or found[0].read_text().count(self.before) != 1:
            raise ValueError(f"{self.before!r} stands in {len(found)} files, or more than once in one")
        return found[0]

    def put(self, package: Path) -> None:
        """Put it into a copy of the code."""
        at = self.place(ROOT)
        folder, rest = at.relative_to(ROOT).parts[0], at.relative_to(ROOT).parts[1:]
        target = package.joinpath(*(() if folder == "addon" else (folder,)), *rest)
        target.write_text(target.read_text().replace(self.before, self.after))


_SPELLING, _EXTRAS, _HEADERS = (
    "rules/requests/spelling.py",
    "rules/requests/extras.py",
    "rules/requests/headers.py",
)
_BODIES, _PLACEHOLDERS, _PRESENTED = (
    "rules/requests/bodies.py", "rules/requests/placeholders.py", "rules/recognition/presented.py",
)  # fmt: skip
_DIAL, _RESPONSE, _HTTP1 = "addon/flow/dial.py", "addon/flow/response.py", "addon/flow/http1_agent.py"

BUGS: Final = (
    Bug("dot segments pass", _SPELLING, 'if any(part.partition(";")[0].strip() in {".", ".."} for part in parts):', "if False:", ("P01",)),
    Bug("backslashes and controls in paths pass", _SPELLING, 'if "\\\\" in text or _CONTROL.search(text):', "if False:", ("P02",)),
    Bug("empty segments pass", _SPELLING, "if any(not segment for segment in segments[:-1]):", "if False:", ("P02",)),
    Bug("paths are decoded once only", _SPELLING, 'again = unquote_to_bytes(again).decode("utf-8", "replace")', "return text", ("P01", "P02")),
    Bug("a slash that is encoded twice passes", _SPELLING, 'if "/" in again:', "if False:", ("P02",)),
    Bug("broken escapes pass", _SPELLING, "if _BAD_PERCENT.search(raw):", "if False:", ("P02", "P03")),
    Bug("controls in queries pass", _SPELLING, "if _CONTROL.search(name) or _CONTROL_IN_VALUE.search(value):", "if False:", ("P03",)),
    Bug("ports are whatever is a number", _SPELLING, 'if colon != ":" or not _PORT.fullmatch(port) or int(port) > 65535:', "if not port.strip().isdigit():", ("H10",)),
    Bug("a pattern is about every name that ends like it", _SPELLING, "return pattern == name", "return name.endswith(pattern)", ("H14",)),
    Bug("method overrides in parameters pass", _EXTRAS, "if folded in OVERRIDES:", "if False:", ("P03", "P07")),
    Bug("credentials in parameters pass", _EXTRAS, "if folded in CREDENTIALS or folded in credentials:", "if False:", ("S06",)),
    Bug("names that look like the tool's own pass", _EXTRAS, "if folded in known:", "if False:", ("P03", "P04")),
    Bug("parameters that stand twice pass", _EXTRAS, "if folded in seen or isinstance(value, Repeated):", "if False:", ("P03", "P04")),
    Bug("parameters beyond the tool's are not counted", _EXTRAS, "if size(query) + size(body) > LIMIT:", "if False:", ("P03",)),
    Bug("fields that change a call pass", _HEADERS, "for name in fields.names.acting:", "for name in ():", ("P07",)),
    Bug("Host is not compared with the connection", _HEADERS, "if named != (spelling.host(request.host), request.port):", "if False:", ("H02", "H05")),
    Bug("a field may stand twice", _HEADERS, "if len(values) > 1 and (name in SINGLE or acts_on(name)):", "if False:", ("F03",)),
    Bug("every field goes upstream", _HEADERS, 'free = low in passed or is_base(low) or (low in RANGES and (passes.ranges or "range" in passed))', "free = True", ("S06", "S02")),
    Bug("parts may be asked for where a key comes back", "rules/decide.py", "tools, ranges = read.winners, not shown.credentialed", "tools, ranges = read.winners, True", ("S12",)),
    Bug("parts are searched each for itself", "rules/redact/parts.py", "for match in self._matches(data):", "for match in self._matches(data[begin:end]):", ("S12",)),
    Bug("Connection takes away what was decided on", _HEADERS, "if name in fields and (name in SINGLE or acts_on(name) or is_base(name)):", "if False:", ("F09",)),
    Bug("any upgrade passes", _HEADERS, 'if any(value.lower() not in {"h2c", "websocket"} for value in fields.get("upgrade", ())):', "if False:", ("F06",)),
    Bug("announced trailers pass", _HEADERS, 'if "trailer" in fields:', "if False:", ("F04",)),
    Bug("bodies in a coding are read as they are", _HEADERS, 'if values is None or values[0].lower() == "identity":', "if True:", ("P06",)),
    Bug("of two keys the last counts", "rules/requests/strictjson.py", "if len(found) != len(pairs):", "if False:", ("P04", "P08")),
    Bug("any charset is UTF-8", _BODIES, 'if parameters.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:', "if False:", ("P05",)),
    Bug("bodies of any size are read", _BODIES, 'if len(data) > limit:\n        raise Refused(f"the body', 'if False:\n        raise Refused(f"the body', ("D03", "P04")),
    Bug("the first call of a batch decides", "rules/decide.py", "for part in read.parts]", "for part in read.parts[:1]]", ("P08",)),
    Bug("placeholders are not looked for", _PLACEHOLDERS, "if not self._owners or not data:", "if True:", ("S02",)),
    Bug("placeholders are looked for undecoded only", _PLACEHOLDERS, "for _ in range(ROUNDS):\n        bare", "for _ in range(0):\n        bare", ("S03",)),
    Bug("placeholders in base64 are looked for at one alignment", _PLACEHOLDERS, "for before in range(3):\n        text =", "for before in range(1):\n        text =", ("S03",)),
    Bug("another agent's placeholder is as good", _PRESENTED, "if (owner.agent, owner.credential) == (self.request.agent, placement.credential):", "if True:", ("S01", "S03")),
    Bug("logins of the agent's own pass beside the one bound", _PRESENTED, "if self.credentialed and fields:", "if False:", ("S06",)),
    Bug("a number may be as large as it likes", "rules/conditions/constraints.py", "lambda value: _numeric(value) <= number", "lambda value: True", ("V00", "P05")),
    Bug("nobody is asked", "addon/deciding/gate.py", "if decision.verdict is Verdict.ASK:", "if False:", ("V00",)),
    Bug("private addresses are like others", "addon/networks.py", "if not any(within(part, PRIVATE) for part in parts):", "if True:", ("H20",)),
    Bug("the first address is looked at", _DIAL, "        for address in found:\n            if not", "        for address in found[:1]:\n            if not", ("H20",)),
    Bug("names are resolved again to dial them", _DIAL, "return await asyncio.open_connection(str(address), dialled)", "return await asyncio.open_connection(name, dialled)", ("H20",)),
    Bug("unique local addresses are like others", "addon/networks.py", '"fc00::/7",', "", ("H20",)),
    Bug("addresses of carriers are like others", "addon/networks.py", '"10.0.0.0/8", "100.64.0.0/10", ', '"10.0.0.0/8", ', ("H20",)),
    Bug("the server name may be another's", "addon/flow/tunnel.py", "return sni is not None and spelling.host(sni) == host", "return True", ("H01", "H04")),
    Bug("trailers of requests are dropped", "addon/flow/framing.py", "if isinstance(event, h11.EndOfMessage) and event.headers:", "if False:", ("F04",)),
    Bug("any HTTP/1 version is 1.1", _HTTP1, r'HTTP/1\.[01]", re.ASCII)', r'HTTP/1\.[0-9]", re.ASCII)', ("F10",)),
    Bug("heads have any number of fields", _HTTP1, "or len(head) > MAX_FIELDS:", "or len(head) > 10**9:", ("F03",)),
    Bug("fields of answers are not redacted", _RESPONSE, 'if self._secrets.within(b"\\n".join([text for field in fields for text in field])):', "if False:", ("S09",)),
    Bug("the reason phrase is not redacted", _RESPONSE, "reason=self._clean(response.data.reason),", "reason=response.data.reason,", ("S09",)),
    Bug("cookies of the API reach the agent", _RESPONSE, 'if low in {"set-cookie", "set-cookie2"} and not self._rules.cookies:', "if False:", ("F08",)),
    Bug("other ways to the API are offered", _RESPONSE, '"alt-svc", "connection",', '"connection",', ("F08",)),
    Bug("the API may say what the proxy says", _RESPONSE, 'low.startswith(("wharfinger-", "proxy-")):', 'low.startswith(("proxy-",)):', ("F08",)),
    Bug("masked fields are shown", _RESPONSE, "fields = Fields(rules.redact, parse_limit, pseudonyms, rules.aliases) if rules.redact else None", "fields = None", ("S13",)),
    Bug("secrets in base64 are not looked for", "rules/redact/forms.py", "for run in _run(base64.b64encode, data, 3, 6):", "for run in ():", ("S10",)),
    Bug("secrets in hex are looked for in small letters", "rules/redact/forms.py", "yield digits.upper()", "yield digits", ("S10",)),
    Bug("secrets in pieces are not looked for", "rules/redact/matcher.py", "place = max(at, len(data) - self.longest + 1)", "return len(data)", ("S11",)),
    Bug("keys of two lines are keys", "addon/credentials/values.py", 'if any(character < " " or "\\x7f" <= character <= "\\x9f" for character in value):', "if False:", ("S05",)),
    Bug("a key may be two cookies", "addon/flow/upstream.py", 'if ";" in value or "," in value:', "if False:", ("S05",)),
    Bug("new keys stay in the head of their answer", "addon/flow/resealing.py", "if self._head is not None:", "if False:", ("S15",)),
    Bug("new keys are handed on", "addon/flow/resealing.py", "            self._held = bytearray()\n        head = self._inner.begin", "            self._held = None\n        head = self._inner.begin", ("S15",)),
    Bug("what was unpacked says that it is packed", _RESPONSE, 'if has_body and low in _REFRAMED and not (low == "content-encoding" and self._is_as_it_came):', 'if has_body and low == "content-length":', ("S17",)),
    Bug("what repeats a sensitive input is written down", "addon/audit/render.py", "return name.strip().casefold() in alike or self.hidden.holds(value)", "return name in alike", ("A09",)),
    Bug("sensitive inputs are written down", "addon/audit/render.py", "alike = {sensitive.casefold() for sensitive in call.sensitive}", "alike = set[str]()", ("A09",)),
    Bug("upstreams are not verified", "addon/flow/tls.py", "verify=net_tls.Verify.VERIFY_PEER,", "verify=net_tls.Verify.VERIFY_NONE,", ("D07",)),
    Bug("whose certificate it is does not matter", "addon/flow/tls.py", "        _verify_name(ssl_conn, server.sni)", "        pass", ("D07",)),
    Bug("whoever says nothing stays", "addon/flow/listener.py", "if self._strangers and len(self._strangers) >= self._most // 2:", "if False:", ("D02",)),
    Bug("of two keys of a file the last counts", "rules/documents/reading.py", """self._error(
                mark, f'duplicate key "{key}"',""", """(lambda *_: None)(
                mark, f'duplicate key "{key}"',""", ("D04",)),
    Bug("every denial is told of by itself", "addon/audit/repeats.py", "if same not in self._counted and self._different.get(reason, 0) >= DIFFERENT:", "if False:", ("D05",)),
    Bug("questions have no end", "addon/approvals/changes.py", "if self.pending(new.agent_id) >= cap:", "if False:", ("D06",)),
    Bug("the intent is not waited for", "addon/deciding/gate.py", "            await self.book.write(\n                events.intent(", "            self.book.submit(\n                events.intent(", ("A01",)),
    Bug("what could not be written counts as written", "addon/audit/writer.py", "_settle(batch, self.trouble)", "_settle(batch)", ("A02",)),
    Bug("a full disk is noticed by nobody", "addon/audit/book.py", "if self._writer.full and not self._has_room(event):", "if False:", ("A03",)),
    Bug("whose the file is does not matter", "addon/audit/writer.py", "        if (found.st_dev, found.st_ino) != self._identity:", "        if False:", ("A04",)),
    Bug("the lock is not taken", "addon/keeping/lock.py", "fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)", "pass", ("A05",)),
    Bug("events have no second clock", "addon/audit/placing.py", "int(self._clock.monotonic() * 1e9),", "now.microsecond,", ("A07",)),
    Bug("syncs are not waited for", "addon/audit/writer.py", "            self.system.fdatasync(self._fd)", "            threading.Thread(target=self.system.fdatasync, args=(self._fd,)).start()", ("A10",)),
    Bug("of an encoded slash one reading counts", "rules/recognition/recognise.py", "parts=(part, Part(replace(part.call, inputs=inputs))))", "parts=(part,))", ("P02",)),
    Bug("checkpoints from outside are not looked at", "addon/audit/claims.py", "claims = [Claim(name, 0, signed) for name, signed in outside]", "claims = []", ("A06",)),
    Bug("a refused HEAD has a body", "addon/flow/http1_agent.py", "if event.data and not self._head_alone:", "if event.data:", ("F08",)),
)  # fmt: skip


def run(stage: Stage, tried: trial.Tried, asked: doing.Asked, numbers: Sequence[int]) -> int:
    """Try every bug, or those of these numbers; 0 if all were found."""
    wanted = list(enumerate(BUGS, 1)) if not numbers else [(n, BUGS[n - 1]) for n in numbers]
    found = 0
    sound = Wharfinger(stage)
    sound.configure()
    sound.start()
    sound.stop()
    for number, bug in wanted:
        began = time.monotonic()
        by = _found_by_deeds(stage, asked, bug) or _found_by(sound, tried, number, bug)
        found += bool(by)
        verdict = f"found by {by}" if by else "NOT FOUND"
        print(f"{number:2} {bug.file}: {bug.says}: {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{found} of {len(wanted)} seeded bugs found")
    return 0 if found == len(wanted) else 1


def _found_by_deeds(stage: Stage, asked: doing.Asked, bug: Bug) -> str:
    """What is done of these classes, if anything is."""
    themes = tuple(name for name in bug.classes if name in {theme.id for theme in every()})
    if not themes:
        return ""
    folder = stage.root / "bug-of-deeds"
    code = copied(folder)
    bug.put(code / "wharfinger")
    try:
        done = doing.done(replace(asked, only=themes, until_wrong=True), code)
    except RuntimeError as error:
        return f"nothing works: {str(error).splitlines()[-1]}"
    finally:
        shutil.rmtree(folder)
    wrong = next((one for one in done if one.wrong), None)
    return f"a deed, {wrong.says}: {wrong.wrong[:90]}" if wrong else ""


def _found_by(sound: Wharfinger, tried: trial.Tried, number: int, bug: Bug) -> str:
    stage = sound.stage
    first = {tag: entry for tag, entry in tried.items() if entry[0].id in bug.classes}
    rest = {tag: entry for tag, entry in tried.items() if tag not in first}
    for round_, chosen in enumerate(part for part in (first, rest) if part):
        folder = stage.root / f"bug-{number}-{round_}"
        code = copied(folder)
        bug.put(code / "wharfinger")
        stage.clear()
        proxy = Wharfinger(stage, code=code, name=f"bug{number}-{round_}")
        proxy.resemble(sound)
        try:
            proxy.start()
            result = trial.run(stage, proxy, chosen)
        except RuntimeError as error:
            print(f"   {str(error).splitlines()[-1]}", file=sys.stderr)
            return ""
        finally:
            proxy.stop()
            shutil.rmtree(folder)
        for tag, how in result.verdict.succeeded.items():
            name = result.tried[tag][0].name if tag in result.tried else "the records"
            return f"{len(result.verdict.succeeded)} vectors, such as {tag} of {name}: {how[0][:90]}"
        for tag, why in result.verdict.failed.items():
            return f"{len(result.verdict.failed)} look-alikes, such as {tag} of {result.tried[tag][0].name}: {why[:90]}"
    return ""


def misplaced() -> list[str]:
    """Bugs whose line is not there any more, in words."""
    wrong = []
    for bug in BUGS:
        try:
            bug.place(ROOT)
        except ValueError as error:
            wrong.append(f"{bug.says}: {error}")
    return wrong
