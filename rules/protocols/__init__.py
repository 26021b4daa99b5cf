"""The protocols above HTTP by which requests are read: one module each, and `table` names them all."""
