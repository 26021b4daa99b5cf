"""What holds the event loop of the proxy while one agent attacks: the longest steps, and where they were.

    python scripts/torture/stalls.py [SECONDS] [ATTACK]...     # 5 s of each attack of `attacks.py`

The proxy is started with a sampler in it, of which the product knows nothing: each step of its event loop is
timed, and a thread looks each millisecond at where a step is that has gone on for longer than THRESHOLD. Told
for each attack: how many steps were that long, the longest, and the places that they were seen at most often.
A step's time is processor time of that thread, so it hardly depends on what else the machine does; where the
places are such as make any object, it was the collector of garbage.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from attacks import ATTACKS
from ground import described, laid
from neighbours import Neighbour, attacking, prepared

THRESHOLD = 0.005
SHOWN = 6
SAMPLER = f"""
import asyncio, atexit, collections, json, os, sys, threading, time
steps, places, began, run = [], collections.Counter(), [0.0], asyncio.events.Handle._run
main = threading.main_thread().ident
clock = time.pthread_getcpuclockid(main)


def timed(handle):
    if threading.get_ident() != main:
        return run(handle)
    began[0] = time.thread_time()
    try:
        return run(handle)
    finally:
        took, began[0] = time.thread_time() - began[0], 0.0
        if took > {THRESHOLD}:
            steps.append(took)


def sample():
    last = time.monotonic()
    while True:
        time.sleep(0.001)
        since = began[0]
        if since and time.clock_gettime(clock) - since > {THRESHOLD}:
            frame, lines = sys._current_frames().get(main), []
            while frame is not None and len(lines) < 40:
                name = frame.f_code.co_filename
                ours = any(part in name for part in ("wharfinger", "/addon/", "/rules/", "/certs/"))
                if ours or not lines:
                    place = "/".join(name.split("/")[-2:])
                    lines.append(f"{{place}}:{{frame.f_lineno}} {{frame.f_code.co_name}}")
                frame = frame.f_back
            places[" < ".join(lines[:4])] += 1
        if time.monotonic() - last > 0.5:
            last = time.monotonic()
            told = {{"steps": sorted(steps)[-2000:], "places": places.most_common(60)}}
            path = os.path.join({{folder!r}}, str(os.getpid()))
            with open(path + ".new", "w") as file:
                json.dump(told, file)
            os.replace(path + ".new", path)


asyncio.events.Handle._run = timed
threading.Thread(target=sample, daemon=True).start()
"""


def taken(folder: Path, pid: int) -> tuple[Counter[float], Counter[str]]:
    """What the sampler in a process has told so far."""
    time.sleep(0.7)
    told: dict[str, Any] = json.loads((folder / str(pid)).read_text())
    return Counter(told["steps"]), Counter(dict(told["places"]))


def main(seconds: float, names: list[str]) -> None:
    """Run, and tell."""
    print(
        described(None, f"{seconds:g} s of each; steps of the event loop longer than {THRESHOLD * 1000:g} ms")
    )
    with tempfile.TemporaryDirectory() as made, laid() as ground:
        folder = Path(made)
        (folder / "sitecustomize.py").write_text(SAMPLER.replace("{folder!r}", repr(made)))
        held = ground.environment.get("PYTHONPATH", "")
        ground.environment["PYTHONPATH"] = f"{made}:{held}" if held else made
        login = prepared(ground)
        neighbour = Neighbour(ground)
        neighbour.window(2, "warming up")
        for name in names:
            steps, places = taken(folder, ground.pid)
            with attacking(name, ground, login):
                neighbour.window(seconds, name)
                later, there = taken(folder, ground.pid)
            new = sorted((later - steps).elements(), reverse=True)
            longest = ", ".join(f"{took * 1000:.0f}" for took in new[:5]) or "none"
            print(f"\n{name}: {len(new)} long steps; the longest {longest} ms", flush=True)
            for place, count in (there - places).most_common(SHOWN):
                print(f"  {count:5} {place}", flush=True)
        ground.end(signal.SIGTERM)


if __name__ == "__main__":
    first, *rest = sys.argv[1:] or ["5"]
    main(float(first), rest or list(ATTACKS))
