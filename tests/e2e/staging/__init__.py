"""What the end-to-end tests stand on: APIs on loopback, a proxy in a process of its own, and its clients."""
