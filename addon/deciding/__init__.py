"""A request's way inside: the gate, what it decides with, the hold, and what the agent is told."""
