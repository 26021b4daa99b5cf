"""Limits at work: what has been counted, kept across restarts, and how it is shown."""
