"""What a grant can be made of, as plain JSON for the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wharfinger.rules.policies.grants import Sample


def sample_as_json(sample: Sample) -> dict[str, Any]:
    """Plain JSON of what a grant can be made of."""
    return {
        "tool": sample.tool,
        "salt": sample.salt,
        "place": sample.place,
        "inputs": dict(sample.inputs),
        "numbers": sorted(sample.numbers),
        "extras": sample.extras,
        "headers": sample.headers,
        "template": sample.template,
        "policies": dict(sample.policies),
        "credentials": dict(sample.credentials),
    }


def sample_from_json(data: Mapping[str, Any]) -> Sample:
    """Read back what `sample_as_json` gave."""
    return Sample(**{**data, "numbers": frozenset(data["numbers"])})
