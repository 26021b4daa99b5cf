"""Decide recorded calls again: what the book tells of each, and what other policies would have answered."""
