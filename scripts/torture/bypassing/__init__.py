"""The bypass trials: what is tried against the proxy, what must pass it, and who says what came of it."""
