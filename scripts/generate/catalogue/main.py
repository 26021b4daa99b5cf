"""Make the imported files of tools/ from vendors' documents, as apis.yaml says.

Each file is made of one API: its document is read (`readers`), turned into tools by
`wharfinger.importing`, and written under a comment that names package and version. Hand-written tools of the
same file stay as they are, above the mark; what is imported leaves out requests that they match. The same
folder gives the same files.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import returning
from apis import Api, read_apis
from joining import hand_written, joined
from readers import imported

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ROOT / "tools"
HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Write (or with `--check` compare) the files; 1 if one differs or cannot be made."""
    parser = argparse.ArgumentParser(prog="scripts/catalogue", description=__doc__)
    parser.add_argument("specs", type=Path, help="folder with node_modules/ and py/")
    parser.add_argument("names", nargs="*", help="names of files; all without any")
    parser.add_argument("--check", action="store_true", help="compare only; 1 if a file differs")
    parser.add_argument("--list", action="store_true", help="print the packages that are needed")
    parser.add_argument("--dropped", action="store_true", help="print every operation that has no tool")
    options = parser.parse_args(arguments)
    apis = {api.name: api for api in read_apis(HERE / "apis.yaml")}
    chosen = [apis[name] for name in options.names or apis]
    if options.list:
        print("\n".join(sorted({f"{api.registry} {api.package}" for api in chosen if api.package})))
        return 0
    outcomes = [_make(api, options) for api in chosen]
    print(f"{sum(outcome[0] for outcome in outcomes)} imported tools in {len(outcomes)} files")
    return 1 if any(outcome[1] for outcome in outcomes) else 0


def _make(api: Api, options: argparse.Namespace) -> tuple[int, bool]:
    """One file: how many tools it has, and whether something is amiss."""
    target = TOOLS / f"{api.name}.yaml"
    before = target.read_text() if target.exists() else ""
    hand = hand_written(before)
    try:
        result, source = imported(api, options.specs, hand, before)
    except Exception as error:  # noqa: BLE001 (each file is tried, and every fault is shown)
        print(f"{api.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return 0, True
    text = returning.marked(joined(api, result, source, hand))
    reasons = Counter(" ".join(d.reason.split()[:8]) for d in result.report.dropped)
    tools = result.report.tools
    dropped = "; ".join(f"{count} {reason}" for reason, count in reasons.most_common(3))
    print(f"{api.name}: {tools} tools, {len(text) // 1024} KiB" + (f"; dropped {dropped}" if dropped else ""))
    if options.dropped:
        for one in result.report.dropped:
            print(f"  {one.operation}: {one.reason}")
    if options.check:
        if text != before:
            print(f"{api.name}: the file differs", file=sys.stderr)
        return tools, text != before
    target.write_text(text)
    return tools, False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
