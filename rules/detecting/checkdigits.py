"""Check digits of the numbers that people and accounts have: which runs of digits can be one.

Each function takes the plain characters, without separators, and says whether the check digits agree. The
algorithms: ISO/IEC 7812-1 (Luhn), ISO 13616 (IBAN, mod 97), ISO/IEC 7064 (mod 11,10), and those of the
offices that issue the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DIHEDRAL: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
"""Multiplication in the dihedral group of order ten, for Verhoeff's algorithm."""
_PERMUTED: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22,
    "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25,
    "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Characters of an IBAN by country (SWIFT's IBAN registry)."""
_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25,
                       24, 23)  # fmt: skip


def _digits(text: str) -> list[int]:
    return [ord(char) - 48 for char in text]


def _weighted(text: str, weights: Iterable[int]) -> int:
    return sum(digit * weight for digit, weight in zip(_digits(text), weights, strict=False))


def luhn(text: str) -> bool:
    """Payment cards and others: every second digit from the right counts double, with its digits added."""
    digits = _digits(text)
    return (sum(digits[-1::-2]) + sum(_DOUBLED[digit] for digit in digits[-2::-2])) % 10 == 0


def verhoeff(text: str) -> bool:
    """Verhoeff's algorithm, as for Indian Aadhaar numbers."""
    check = 0
    for place, digit in enumerate(reversed(_digits(text))):
        check = int(_DIHEDRAL[check][int(_PERMUTED[place % 8][digit])])
    return check == 0


def _mod_97(text: str) -> int:
    return int("".join(str(int(char, 36)) for char in text)) % 97


def iban_length(country: str) -> int:
    """How many characters an IBAN of this country has; 0 if there is none."""
    return _IBAN_LENGTHS.get(country, 0)


def iban(text: str) -> bool:
    """An IBAN in capitals: its country's length, and 1 by mod 97 with the first four characters last."""
    return len(text) == iban_length(text[:2]) and _mod_97(text[4:] + text[:4]) == 1


def social_security(text: str) -> bool:
    """United States: no check digit, but areas 000, 666 and 9xx, group 00, serial 0000 are never issued."""
    area, group, serial = text[:3], text[3:5], text[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def german_tax(text: str) -> bool:
    """Steuer-IdNr.: one digit of the first ten stands twice or thrice, the others once; then mod 11,10."""
    counts = sorted(text[:10].count(digit) for digit in set(text[:10]))
    if text[0] == "0" or counts[:-1] != [1] * (len(counts) - 1) or counts[-1] not in {2, 3}:
        return False
    rest = 10
    for digit in _digits(text[:10]):
        rest = ((digit + rest) % 10 or 10) * 2 % 11
    return (11 - rest) % 10 == int(text[10])


def spanish(text: str) -> bool:
    """DNI and NIE: the letter is the number modulo 23; X, Y and Z before a NIE stand for 0, 1 and 2."""
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return _DNI[int(number) % 23] == text[-1]


def french(text: str) -> bool:
    """NIR: the last two digits are 97 less the rest modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    number = text[:-2].replace("2A", "19").replace("2B", "18")
    return number.isdecimal() and 97 - int(number) % 97 == int(text[-2:])


def italian(text: str) -> bool:
    """Codice fiscale: values of odd places by a table, of even places plain, together modulo 26."""
    values = [int(char, 36) - 10 if char.isalpha() else int(char) for char in text[:15]]
    return (sum(_ITALIAN_ODD[value] for value in values[::2]) + sum(values[1::2])) % 26 == ord(text[15]) - 65


def polish(text: str) -> bool:
    """PESEL: a date of birth whose month tells the century, a serial number, a weighted digit."""
    month, day = int(text[2:4]) % 20, int(text[4:6])
    sums = _weighted(text[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))
    return 1 <= month <= 12 and 1 <= day <= 31 and (10 - sums % 10) % 10 == int(text[10])


def brazilian(text: str) -> bool:
    """CPF: two digits by weights that fall to 2; eleven equal digits are no CPF."""
    if len(set(text)) == 1:
        return False
    first = _weighted(text[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(text[:10], range(11, 1, -1)) * 10 % 11 % 10
    return text[9:] == f"{first}{second}"


def swiss(text: str) -> bool:
    """AHV number: EAN-13, beginning with Switzerland's 756."""
    return text.startswith("756") and _weighted(text, (1, 3) * 7) % 10 == 0


def card(text: str) -> bool:
    """A payment card: a length and a first number that its network issues, and Luhn."""
    return any(_issued(text, *network) for network in _NETWORKS) and luhn(text)


def _issued(text: str, first: str, last: str, lengths: Sequence[int]) -> bool:
    return len(text) in lengths and first <= text[: len(first)] <= last


_NETWORKS: Final[tuple[tuple[str, str, Sequence[int]], ...]] = (
    ("4", "4", (13, 16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16)),  # Diners Club
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "659", (16, 19)),
    ("3528", "3589", (16, 19)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("50", "50", (16, 18, 19)),  # Maestro
    ("56", "58", (16, 18, 19)),
    ("63", "63", (16, 18, 19)),
    ("67", "67", (16, 18, 19)),
)
"""First numbers, from and to, and lengths, by network."""
