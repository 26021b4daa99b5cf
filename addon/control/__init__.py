"""The control socket: how people and programs command a runtime, and what they may command."""
