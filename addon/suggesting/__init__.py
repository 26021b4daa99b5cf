"""Suggest the narrowest policy that would have allowed recorded calls. It is never applied by itself."""
