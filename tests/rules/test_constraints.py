"""Values of different types are never equal."""

import pytest
from wharfinger.rules.constraints import same


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (True, True, True),
        ("1", 1, False),
        ("a", "a", True),
        (None, False, False),
        (2**63 - 1, float(2**63), False),
        ([1], [1], True),
        ([1], {"0": 1}, False),
    ],
)
def test_same(left: object, right: object, equal: bool) -> None:
    assert same(left, right) is equal
