"""Commands that start no proxy import none of what makes starting slow."""

import subprocess
import sys

import pytest

HEAVY = ("mitmproxy", "botocore", "mcp", "uvicorn", "starlette")

PROBE = f"""
import sys
from wharfinger.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code or 0
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print("HEAVY", *heavy, file=sys.stderr)
sys.exit(code)
"""

COMMANDS = {
    "check": ("check",),
    "test": ("test",),
    "explain": ("explain", "--offline", "--agent", "robot", "GET", "https://api.example.com/things/1"),
    "env": ("env", "--agent", "robot"),
    "tools": ("tools", "list"),
    "agents": ("agents", "list"),
    "approvals": ("approvals", "list"),
    "people": ("people", "list"),
    "audit": ("audit", "tail"),
    "help": ("--help",),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_nothing_heavy_is_imported(configure, command):
    # env needs a port to name; audit needs a log, which an earlier command makes
    folder = configure(wharfinger="version: 1\n")
    at = () if command == ("--help",) else ("--config", str(folder))
    if command[0] == "audit":
        subprocess.run([sys.executable, "-m", "wharfinger.cli.main", "agents", "list", *at], check=True)
    ran = subprocess.run(
        [sys.executable, "-c", PROBE, *command, *at], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines()[-1] == "HEAVY"
