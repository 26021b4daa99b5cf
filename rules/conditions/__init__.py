"""When a rule holds: conditions as mappings and in CEL, checked and weighed when loaded."""
