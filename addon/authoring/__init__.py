"""What writes, checks, explains and draws a configuration, and where it lies."""
