"""What policies say of a call: rules, limits, denials, who may answer, and what was granted."""
