"""What is broken on purpose, on a real proxy over sockets: nothing unlogged is sent."""
