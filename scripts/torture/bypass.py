"""Try what is tried against a proxy like this, class by class, and ask the origins what came of it.

    python scripts/torture/bypass.py [--seed N] [--share X] [--only ID ...]   # against wharfinger
    python scripts/torture/bypass.py --against plain                          # and against a plain addon
    python scripts/torture/bypass.py --bugs [NUMBER ...]                      # and with a bug put in
    python scripts/torture/bypass.py --against plain --table docs/threats.md  # and write the table

One `wharfinger up` in a process of its own, real origins (TLS and plain, HTTP/1) and a name server, in a
network namespace where their names and addresses are all there is. Every vector is raw bytes on a socket.
What came of it is read from the records of the origins and of the name server, from the book, and from what
the agent heard; never from a status code. See `bypassing/judge.py` for what counts.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from bypassing import bugs, doing, namespace, report, trial
from bypassing.classes import every
from bypassing.stage import Plain, Stage, Wharfinger
from bypassing.trial import Result
from ground import described


def main(arguments: argparse.Namespace) -> int:
    """Run, and tell; 0 if all is as it should be."""
    namespace.enter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended on the way out
    rng = random.Random(arguments.seed)
    classes = [each for each in every() if not arguments.only or each.id in arguments.only]
    tried = trial.chosen(classes, arguments.share, rng)
    method = (  # and deeds: see `bypassing/deeds`
        f"{len(tried)} vectors and look-alikes in {len(classes)} classes as raw bytes, {trial.WORKERS} at a "
        "time, through one proxy; judged by the records of origins and name server, and by the book"
    )
    print(described(arguments.seed, method), flush=True)
    with tempfile.TemporaryDirectory(prefix="wharfinger-bypass-") as folder:
        stage = Stage.open(Path(folder), rng)
        try:
            return _run(stage, tried, arguments)
        finally:
            stage.close()


def _run(stage: Stage, tried: trial.Tried, arguments: argparse.Namespace) -> int:
    asked = doing.Asked(arguments.seed, arguments.share, tuple(arguments.only))
    if arguments.bugs is not None:
        return bugs.run(stage, tried, asked, arguments.bugs)
    if not tried:
        return report.tell({}, doing.done(asked), verbose=arguments.verbose)
    results: dict[str, Result] = {}
    proxies: list[Wharfinger | Plain] = [Wharfinger(stage)]
    if arguments.against == "plain":
        proxies.append(Plain(stage))
    for proxy in proxies:
        began = time.monotonic()
        stage.clear()
        proxy.configure()
        proxy.start()
        try:
            results[proxy.name] = trial.run(stage, proxy, tried)
        finally:
            proxy.stop()
        print(f"{proxy.name}: {time.monotonic() - began:.0f} s", flush=True)
        if isinstance(proxy, Wharfinger):
            print(proxy.run("audit", "verify").strip().splitlines()[-1])
            report.spilled(results[proxy.name], stage, proxy)
    done = [] if arguments.bytes else doing.done(asked)
    if arguments.table is not None:
        report.write(arguments.table, results, done)
    return report.tell(results, done, verbose=arguments.verbose)


def read(argv: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="of secrets and samples")
    parser.add_argument("--share", type=float, default=1.0, help="how much of each class to try")
    parser.add_argument("--only", nargs="+", default=(), metavar="ID", help="classes to try, such as P01")
    parser.add_argument("--bytes", action="store_true", help="leave out what is no bytes on a socket")
    parser.add_argument("--against", choices=["plain"], help="what else to try it on")
    parser.add_argument("--bugs", nargs="*", type=int, metavar="NUMBER", help="try seeded bugs, all or these")
    parser.add_argument("--table", type=Path, metavar="FILE", help="where to write the table of counts")
    parser.add_argument("--verbose", action="store_true", help="tell what the plain addon let through, too")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(read(sys.argv[1:])))
