"""A runtime: put together, started, tried, reloaded and stopped, with the processes beside it."""
