r"""What detectors look for in text: secrets by their shape, personal data by shape and check digits.

A detector is a pattern (RE2, on bytes) and, where shape alone says too little, a check of what it found. A
secret begins with one of a few fixed texts, so that all secrets are looked for in one pass over the text.
The shapes are those that the issuers publish, or that their own scanners and packages use. The table is
part of the documentation (docs/policies.md), and a test holds every row against examples.

A check is given what the pattern found and says which part of it is the finding, or that none is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from wharfinger.rules.detecting import checkdigits

type Check = Callable[[str], tuple[int, int] | None]

SECRET: Final = "secret"  # noqa: S105 -- the name of a group
PERSONAL: Final = "personal"


@dataclass(frozen=True, slots=True)
class Detector:
    """One thing that is looked for."""

    name: str
    group: str
    what: str
    """For people: what a finding is."""
    pattern: str
    starts: tuple[str, ...] = ()
    """The texts that it begins with, one of them; empty where there is none."""
    check: Check | None = None


def _secret(name: str, what: str, pattern: str, *starts: str, check: Check | None = None) -> Detector:
    return Detector(name, SECRET, what, pattern, starts, check)


def _plain(test: Callable[[str], bool], drop: str = " .-") -> Check:
    """A check of all that was found, without its separators."""
    removed = str.maketrans("", "", drop)
    return lambda text: (0, len(text)) if test(text.translate(removed)) else None


def _groups(text: str) -> Iterator[tuple[int, int]]:
    """Every part of a run of groups that begins and ends where groups do, the longest first."""
    edges = [index for index, char in enumerate(text) if char in " -"]
    starts = [0, *(edge + 1 for edge in edges)]
    ends = [*edges, len(text)]
    for start in starts:
        for end in reversed(ends):
            if end > start:
                yield start, end


def _card(text: str) -> tuple[int, int] | None:
    for start, end in _groups(text):
        digits = text[start:end].replace(" ", "").replace("-", "")
        if 13 <= len(digits) <= 19 and checkdigits.card(digits):
            return start, end
    return None


def _iban(text: str) -> tuple[int, int] | None:
    """The first characters, as many as the country's have; words may follow."""
    wanted = checkdigits.iban_length(text[:2])
    taken = [(index, char) for index, char in enumerate(text) if char != " "][:wanted]
    if wanted and checkdigits.iban("".join(char for _, char in taken)):
        return 0, taken[-1][0] + 1
    return None


def _jwt(text: str) -> tuple[int, int] | None:
    """A JSON Web Token says in its first part by which algorithm it is signed."""
    first = text.partition(".")[0]
    try:
        head = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return None
    return (0, len(text)) if isinstance(head, dict) and "alg" in head else None


def _openai(text: str) -> tuple[int, int] | None:
    """Others' keys begin alike; one of OpenAI's is long, and has digits in it."""
    other = text.startswith("sk-ant-") or not any(char.isdigit() for char in text)
    return None if other else (0, len(text))


_BASE64 = "[A-Za-z0-9+/=]"
_WORD = "[A-Za-z0-9]"
_TOKEN = "[A-Za-z0-9_-]"  # noqa: S105 -- a class of characters

DETECTORS: Final[tuple[Detector, ...]] = (
    _secret("private_key", "a private key in PEM, of any kind",
            r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]*-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?", "-----BEGIN"),
    _secret("age_key", "a key of age", r"AGE-SECRET-KEY-1[A-Z0-9]{58}\b", "AGE-SECRET-KEY-1"),
    _secret("anthropic_key", "an API key of Anthropic", rf"sk-ant-[a-z0-9]+-{_TOKEN}{{20,200}}", "sk-ant-"),
    _secret("aws_access_key", "the id of an access key of AWS", r"(?:AKIA|ASIA)[A-Z2-7]{16}\b",
            "AKIA", "ASIA"),
    _secret("aws_secret_key", "a secret access key of AWS, after its name",
            r"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY|SecretAccessKey|secretAccessKey)"
            r"[\"'\s:=>\\]{1,8}[A-Za-z0-9/+]{40}",
            "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "SecretAccessKey", "secretAccessKey"),
    _secret("atlassian_token", "an API token of Atlassian", rf"ATATT3{_TOKEN}{{60,250}}", "ATATT3"),
    _secret("azure_storage_key", "a connection string of Azure Storage", rf"AccountKey={_BASE64}{{86,88}}",
            "AccountKey="),
    _secret("databricks_token", "an access token of Databricks", r"dapi[0-9a-f]{32}\b", "dapi"),
    _secret("digitalocean_token", "a token of DigitalOcean", r"do[opr]_v1_[0-9a-f]{64}\b",
            "dop_v1_", "doo_v1_", "dor_v1_"),
    _secret("docker_token", "an access token of Docker Hub", rf"dckr_pat_{_TOKEN}{{27}}", "dckr_pat_"),
    _secret("github_token", "a token of GitHub", rf"(?:gh[pousr]_{_WORD}{{36,255}}|github_pat_\w{{40,255}})",
            "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    _secret("gitlab_token", "a token of GitLab", rf"gl(?:pat|ptt|dt|rt|cbt|ft|soat)-{_TOKEN}{{20,64}}",
            "glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glft-", "glsoat-"),
    _secret("google_key", "an API key of Google", rf"AIza{_TOKEN}{{35}}", "AIza"),
    _secret("google_oauth", "an access token or client secret of Google",
            rf"(?:ya29\.{_TOKEN}{{20,400}}|GOCSPX-{_TOKEN}{{28}})", "ya29.", "GOCSPX-"),
    _secret("grafana_token", "a token of Grafana",
            rf"(?:glsa_{_WORD}{{32}}_[0-9a-f]{{8}}|glc_{_BASE64}{{32,400}})",
            "glsa_", "glc_"),
    _secret("groq_key", "an API key of Groq", rf"gsk_{_WORD}{{48,56}}\b", "gsk_"),
    _secret("huggingface_token", "a token of Hugging Face", rf"hf_{_WORD}{{30,40}}\b", "hf_"),
    _secret("jwt", "a signed JSON Web Token",
            rf"eyJ{_TOKEN}{{8,900}}\.{_TOKEN}{{4,}}\.{_TOKEN}{{16,}}", "eyJ", check=_jwt),
    _secret("linear_key", "an API key of Linear", rf"lin_(?:api|oauth)_{_WORD}{{32,64}}\b",
            "lin_api_", "lin_oauth_"),
    _secret("newrelic_key", "a key of New Relic", r"NRAK-[A-Z0-9]{27}\b", "NRAK-"),
    _secret("notion_token", "a token of Notion", rf"(?:ntn_{_WORD}{{40,50}}|secret_{_WORD}{{43}})\b",
            "ntn_", "secret_"),
    _secret("npm_token", "a token of npm", rf"npm_{_WORD}{{36}}\b", "npm_"),
    _secret("openai_key", "an API key of OpenAI, or of a service that follows its form",
            rf"sk-{_TOKEN}{{20,250}}", "sk-", check=_openai),
    _secret("password_in_url", "a URL with a password in it",
            r"://[^\s/:@\"'<>?#]{1,128}:[^\s/:@\"'<>?#]{1,256}@[A-Za-z0-9\[]", "://"),
    _secret("postman_key", "an API key of Postman", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}\b", "PMAK-"),
    _secret("pypi_token", "a token of PyPI", rf"pypi-AgE{_TOKEN}{{50,400}}", "pypi-AgE"),
    _secret("replicate_token", "a token of Replicate", rf"r8_{_WORD}{{37,40}}\b", "r8_"),
    _secret("rubygems_key", "an API key of RubyGems", r"rubygems_[0-9a-f]{48}\b", "rubygems_"),
    _secret("sendgrid_key", "an API key of SendGrid", rf"SG\.{_TOKEN}{{16,32}}\.{_TOKEN}{{32,64}}", "SG."),
    _secret("sentry_token", "a token of Sentry", rf"sntry[su]_{_BASE64}{{40,400}}", "sntrys_", "sntryu_"),
    _secret("shopify_token", "a token of Shopify", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
            "shpat_", "shpca_", "shppa_", "shpss_"),
    _secret("slack_token", "a token of Slack", rf"(?:xox[abeoprs]-|xapp-){_TOKEN}{{10,250}}",
            "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-"),
    _secret("slack_webhook", "the URL of an incoming webhook of Slack",
            r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,100}", "hooks.slack.com/"),
    _secret("stripe_key", "a secret key of Stripe",
            rf"(?:[sr]k_(?:live|test)_{_WORD}{{16,250}}|whsec_\w{{24,90}})",
            "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
    _secret("supabase_token", "a token of Supabase", rf"(?:sbp_[0-9a-f]{{40}}\b|sb_secret_{_TOKEN}{{20,64}})",
            "sbp_", "sb_secret_"),
    _secret("telegram_token", "the token of a bot of Telegram", rf":AA{_TOKEN}{{33}}", ":AA"),
    _secret("twilio_key", "an API key of Twilio", r"SK[0-9a-f]{32}\b", "SK"),
    _secret("vault_token", "a token of HashiCorp Vault", rf"hv[sbr]\.{_TOKEN}{{24,200}}",
            "hvs.", "hvb.", "hvr."),
    Detector("card", PERSONAL, "the number of a payment card (Luhn, and what its network issues)",
             r"\b[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}\b", check=_card),
    Detector("iban", PERSONAL, "an international bank account number (mod 97)",
             r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}", check=_iban),
    Detector("email", PERSONAL, "an e-mail address",
             r"[A-Za-z0-9!#$%&'*+/=?^_.~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z][A-Za-z0-9-]+"),
    Detector("phone", PERSONAL, "a telephone number in international form, with its +",
             r"\+[1-9](?:[ .()-]{0,2}[0-9]){7,14}\b"),
    Detector("us_ssn", PERSONAL, "a Social Security number of the United States, with its hyphens",
             r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", check=_plain(checkdigits.social_security)),
    Detector("uk_nino", PERSONAL, "a National Insurance number of the United Kingdom",
             r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?[0-9]{2}){3} ?[A-D]\b"),
    Detector("de_tax_id", PERSONAL, "a tax identification number of Germany (mod 11,10)",
             r"\b[1-9][0-9](?: ?[0-9]{3}){3}\b", check=_plain(checkdigits.german_tax)),
    Detector("es_dni", PERSONAL, "a DNI or NIE of Spain (letter by mod 23)",
             r"\b[0-9XYZ][0-9]{7}-?[A-HJ-NP-TV-Z]\b", check=_plain(checkdigits.spanish)),
    Detector("fr_nir", PERSONAL, "a social security number of France (mod 97)",
             r"\b[12] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9AB] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}\b",
             check=_plain(checkdigits.french)),
    Detector("it_fiscal_code", PERSONAL, "a codice fiscale of Italy (check letter)",
             r"\b[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPR-T][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]\b",
             check=_plain(checkdigits.italian)),
    Detector("pl_pesel", PERSONAL, "a PESEL of Poland (a date, and a weighted digit)",
             r"\b[0-9]{11}\b", check=_plain(checkdigits.polish)),
    Detector("br_cpf", PERSONAL, "a CPF of Brazil, with its points (two weighted digits)",
             r"\b[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}\b", check=_plain(checkdigits.brazilian)),
    Detector("ch_ahv", PERSONAL, "an AHV number of Switzerland (EAN-13)",
             r"\b756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}\b", check=_plain(checkdigits.swiss)),
    Detector("in_aadhaar", PERSONAL, "an Aadhaar number of India, in groups of four (Verhoeff)",
             r"\b[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}\b", check=_plain(checkdigits.verhoeff)),
)  # fmt: skip
"""All detectors; where findings overlap, the earlier one of this table stands."""

NAMES: Final = frozenset(detector.name for detector in DETECTORS)
GROUPS: Final = {
    group: frozenset(detector.name for detector in DETECTORS if detector.group == group)
    for group in (SECRET, PERSONAL)
}
"""Names that stand for several detectors."""
