"""Copies of the book to other places: its checkpoints, and its events.

Done in a process of its own, which only reads the audit folder, so that no place, however slow or far gone,
is waited for by the proxy. `process` runs it, `worker` keeps at one place until it has what it should have.
"""
