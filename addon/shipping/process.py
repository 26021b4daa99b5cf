"""The process: `python -m wharfinger.shipping.process`, told what to do on its standard input.

It reads the audit folder and nothing else of the installation: it has no key and no credential. When its
standard input ends, the proxy has: it delivers what is there, for a few seconds, and goes too.
"""

from __future__ import annotations

import logging
import os
import sys
import time

from wharfinger.keeping import private
from wharfinger.shipping.copies import Copies
from wharfinger.shipping.setup import Setup
from wharfinger.shipping.stream import Stream
from wharfinger.shipping.worker import Board, Place, Worker

STATUS = "status.json"
_PRIORITY = 5
"""Nice value: the proxy comes first."""
_FAREWELL_SECONDS = 5.0


def workers(setup: Setup) -> list[Worker]:
    """One for each place, not started."""
    private.folder(setup.state)
    board = Board(setup.state / STATUS)
    places: list[Place] = [Copies(setup.audit, place) for place in setup.checkpoints]
    places += [Stream(setup.audit, setup.state, sink) for sink in setup.sinks]
    if setup.traces is not None:
        from wharfinger.shipping.traces import Traces  # noqa: PLC0415 - an extra, which need not be there

        places.append(Traces(setup.audit, setup.state, setup.traces))
    return [Worker(place, board) for place in places]


def main() -> None:
    """Work until standard input ends."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    os.nice(_PRIORITY)
    started = workers(Setup.read(sys.stdin.buffer.readline()))
    for worker in started:
        worker.start()
    while sys.stdin.buffer.read(4096):
        pass
    until = time.monotonic() + _FAREWELL_SECONDS
    for worker in started:
        worker.stop()
    for worker in started:
        worker.join(until)
    os._exit(0)


if __name__ == "__main__":
    main()
