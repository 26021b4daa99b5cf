"""Approvals: what a policy's `ask` waits for, from the question to the one use of its answer."""
