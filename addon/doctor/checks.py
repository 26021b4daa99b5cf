"""All checks that need no running proxy, in the order in which they are reported."""

from __future__ import annotations

from wharfinger.doctor import exposed, kernel, machine, timing, trust

CHECKS = (
    *machine.CHECKS,
    ("clock", timing.set_right),
    ("kernel", kernel.features),
    ("trust", trust.of_agents),
    ("trust", trust.of_others),
    # Last: they close this process to others before they read what may be a key.
    ("keys", exposed.in_environment),
    ("keys", exposed.in_files),
)
"""Each has the name that stands before a fault of its own."""
