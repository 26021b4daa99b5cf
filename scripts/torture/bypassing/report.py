"""What is printed and written of the results."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bypassing import doing
from bypassing.deeds import Done
from bypassing.spotting import spot
from bypassing.stage import Stage, Wharfinger
from bypassing.trial import Result
from bypassing.vectors import sent

SHOWN = 60
"""Findings that are printed in full."""
_BEGIN, _END = "<!-- begin: bypass -->", "<!-- end: bypass -->"


def spilled(result: Result, stage: Stage, proxy: Wharfinger) -> None:
    """Look for secrets in all that the proxy has written: data folder, logs."""
    secrets = [secret.encode() for secret in stage.secrets.values()]
    files = [path for path in proxy.data.rglob("*") if path.is_file()]
    for path in (*files, stage.root / f"{proxy.name}.log"):
        if spot(path.read_bytes(), secrets, deep=False) is not None:
            result.verdict.succeeded["?"].append(f"a secret stands in {path.relative_to(stage.root)}")


def tell(results: Mapping[str, Result], deeds: Sequence[Done], *, verbose: bool) -> int:
    """Print findings and counts; 1 if wharfinger let something through, or kept something harmless out."""
    for name, result in results.items():
        if name == "wharfinger" or verbose:
            for line in list(_findings(result))[:SHOWN]:
                print(f"{name}: {line}")
    for one in deeds:
        if one.wrong:
            kind = "KEPT OUT: look-alike" if one.harmless else "GOT THROUGH:"
            print(f"wharfinger: {kind} {one.theme}: {one.says}: {one.wrong}")
    for line in table(results, deeds):
        print(line)
    bad = sum(bool(one.wrong) for one in deeds)
    if results:
        ours = results["wharfinger"]
        bad += len(ours.verdict.succeeded) + len(ours.verdict.failed)
        if not ours.verdict.arrived:
            print("nothing was shown: no request reached an origin")
            return 1
    return 1 if bad or not (results or deeds) else 0


def _findings(result: Result) -> Iterator[str]:
    for tag, how in sorted(result.verdict.succeeded.items()):
        yield f"GOT THROUGH: {_described(result, tag)}: {'; '.join(dict.fromkeys(how))}"
    for tag, why in sorted(result.verdict.failed.items()):
        yield f"KEPT OUT: {_described(result, tag)}: {why}"


def _described(result: Result, tag: str) -> str:
    if tag not in result.tried:
        return tag
    each, vector, harmless = result.tried[tag]
    unspelled = replace(vector, spell=None)
    sends = b" | ".join(sent(unspelled, {}, tag))
    kind = "look-alike " if harmless else ""
    return f"{tag} {kind}{each.name}: connect={vector.connect!r} sni={vector.sni!r} {sends[:400]!r}"


def table(results: Mapping[str, Result], deeds: Sequence[Done] = ()) -> Iterator[str]:
    """The counts of each class, in Markdown; what is done on wharfinger alone has no count of others."""
    counts = {name: dict(result.by_class()) for name, result in results.items()} or {"wharfinger": {}}
    ours = counts["wharfinger"]
    ours.update(doing.by_class(deeds))
    heads = "".join(f" | through {_shown(name)}" for name in counts)
    yield f"| class | vectors | look-alikes | kept out{heads} |"
    yield "|---|--:|--:|--:|" + "--:|" * len(counts)
    for each, (vectors, _, alike, out) in sorted(ours.items(), key=_placed):
        through = "".join(f" | {counts[name][each][1] if each in counts[name] else '–'}" for name in counts)
        yield f"| {each} | {vectors} | {alike} | {out}{through} |"
    vectors, alike, out = (sum(row[place] for row in ours.values()) for place in (0, 2, 3))
    sums = "".join(f" | **{sum(row[1] for row in counts[name].values())}**" for name in counts)
    yield f"| **all {len(ours)}** | **{vectors}** | **{alike}** | **{out}**{sums} |"


def _placed(row: tuple[str, object]) -> tuple[int, str]:
    return "HPFSDAV".index(row[0][0]), row[0]


def _shown(name: str) -> str:
    return "the plain addon" if name == "plain" else name


def write(path: Path, results: Mapping[str, Result], deeds: Sequence[Done]) -> None:
    """Put the table where the page has its marks."""
    made = "\n".join([_BEGIN, "", *table(results, deeds), "", _END])
    text = path.read_text()
    path.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: made, text, flags=re.DOTALL))
