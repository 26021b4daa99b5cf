"""Every file a user writes, as a model: what may stand in it, its types, bounds and defaults.

Models are frozen, refuse unknown keys, and know where they were written (`Written.at`), so that a
problem found later can still be reported at its line.
"""
