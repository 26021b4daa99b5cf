"""Tokens that a key of ours vouches for: the servers here check what they are sent, as the real ones do."""

from __future__ import annotations

import base64
import datetime
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from wharfinger.credentials import signing
from wharfinger.credentials.fetching import Fetched, fetch
from wharfinger.credentials.sources import Asked, Environment, Means, NotFetched
from wharfinger.rules.models.credentials import Credential

AUDIENCE = "https://run.example.com"
ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ROLE = "arn:aws:iam::123456789012:role/agents"
MADE = ("ASIAROLE000000000001", "role/secret+key/of/forty/characters/00001", "role+session/token==")


def pem(key: Any) -> str:
    return str(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )


@dataclass
class Keys:
    rsa: Any
    elliptic: Any
    certificate: Any


@pytest.fixture(scope="module")
def keys() -> Keys:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "application")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, own.public_key(), 7, start, start + datetime.timedelta(9999))
        .sign(own, hashes.SHA256())
    )  # fmt: skip
    return Keys(own, ec.generate_private_key(ec.SECP256R1()), certificate)


@dataclass
class Server:
    """Google's, Azure's and AWS's endpoints for tokens, and one of the JWT bearer grant."""

    keys: Keys
    url: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    reply: Callable[[], tuple[int, bytes]] | None = None

    def answer(self, path: str, headers: Any, raw: bytes) -> tuple[int, bytes]:
        form = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
        self.forms.append(form)
        if self.reply is not None:
            return self.reply()
        if path == "/sts":
            return self._sts(headers, form, raw)
        if path == "/tenant-1/oauth2/v2.0/token":
            return self._azure(form)
        public = self.keys.rsa.public_key()
        claims = jwt.decode(form["assertion"], public, algorithms=["RS256"], audience=f"{self.url}/token")
        if "target_audience" in claims:
            made = {"aud": claims["target_audience"], "exp": time.time() + 3600, "iss": "google"}
            return 200, json.dumps({"id_token": jwt.encode(made, "k" * 32)}).encode()
        return self._token() if claims["iss"] == "ours" and form["scope"] == "a b" else (400, b"{}")

    def _azure(self, form: dict[str, str]) -> tuple[int, bytes]:
        if (form["grant_type"], form["scope"], form["client_id"]) != (
            "client_credentials", "https://graph.microsoft.com/.default", "app-1",
        ):  # fmt: skip
            return 400, b"{}"
        if "client_secret" in form:
            return self._token() if form["client_secret"] == SECRET else (401, b"{}")
        assertion = form["client_assertion"]
        thumb = base64.urlsafe_b64encode(self.keys.certificate.fingerprint(hashes.SHA256())).rstrip(b"=")
        if jwt.get_unverified_header(assertion)["x5t#S256"] != thumb.decode():
            return 401, b"{}"
        own = f"{self.url}/tenant-1/oauth2/v2.0/token"
        public = self.keys.certificate.public_key()
        claims = jwt.decode(assertion, public, algorithms=["PS256"], audience=own)
        good = claims["iss"] == claims["sub"] == "app-1" and claims["jti"]
        return self._token() if good else (401, b"{}")

    def _sts(self, headers: Any, form: dict[str, str], raw: bytes) -> tuple[int, bytes]:
        botocore = pytest.importorskip("botocore.auth")
        requests = pytest.importorskip("botocore.awsrequest")
        credentials = pytest.importorskip("botocore.credentials")
        request = requests.AWSRequest(method="POST", url=f"{self.url}/sts", data=raw)
        request.headers["Content-Type"] = headers["content-type"]
        request.headers["X-Amz-Date"] = headers["x-amz-date"]
        request.context["timestamp"] = headers["x-amz-date"]
        signer = botocore.SigV4Auth(credentials.Credentials(ACCESS, SECRET), "sts", "eu-west-1")
        again = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        if not headers["authorization"].endswith(again) or form["RoleArn"] != ROLE:
            return 403, b"<ErrorResponse/>"
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + int(form["DurationSeconds"])))
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
        held = "".join(f"<{n}>{escape(v)}</{n}>" for n, v in zip(names, (*MADE, until), strict=True))
        return 200, (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
            f"<Credentials>{held}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ).encode()

    @staticmethod
    def _token() -> tuple[int, bytes]:
        return 200, b'{"access_token": "token_0000000000000001", "token_type": "Bearer", "expires_in": 3600}'


@pytest.fixture
def server(keys: Keys) -> Iterator[Server]:
    state = Server(keys)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                status, body = state.answer(self.path, self.headers, raw)
            except (jwt.PyJWTError, KeyError) as error:
                status, body = 401, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()


@pytest.fixture
def had(server: Server, keys: Keys, tmp_path: Path) -> Callable[..., Fetched]:
    """`had(kind="azure", …)`: what is fetched for that credential."""
    folder = tmp_path / "conf"
    folder.mkdir(mode=0o700)
    account = {"client_email": "robot", "private_key": pem(keys.rsa), "private_key_id": "k1"}
    shown = keys.certificate.public_bytes(serialization.Encoding.PEM).decode()
    files = {
        "rsa.pem": pem(keys.rsa),
        "ec.pem": pem(keys.elliptic),
        "shared": "a shared secret of 32 characters.",
        "client": SECRET,
        "both.pem": shown + pem(keys.rsa),
        "account": json.dumps(account | {"token_uri": f"{server.url}/token"}),
        "access": ACCESS,
        "secret": SECRET,
        "aws": json.dumps({"Version": 1, "AccessKeyId": ACCESS, "SecretAccessKey": SECRET}),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)

    def fetched(**written: Any) -> Fetched:
        credential = Credential.model_validate({"hosts": ["api.example.com"], **written})
        return fetch("K", credential, Asked(folder, Means(Environment({}))))

    return fetched


# JWT


@pytest.mark.parametrize(
    ("algorithm", "key"), [("RS256", "rsa.pem"), ("ES256", "ec.pem"), ("HS256", "shared")]
)
def test_a_jwt_by_template(had: Any, keys: Keys, algorithm: str, key: str) -> None:
    publics = {
        "rsa.pem": keys.rsa.public_key(),
        "ec.pem": keys.elliptic.public_key(),
        "shared": "a shared secret of 32 characters.",
    }
    fetched = had(
        kind="jwt", algorithm=algorithm, key=f"file:{key}", key_id="k7", life="2m", audience="them",
        claims={"iss": "team", "jti": "${id}", "roles": ["a", "b"], "n": 3},
    )  # fmt: skip
    text = fetched.secret.reveal()
    claims = jwt.decode(text, publics[key], algorithms=[algorithm], audience="them")
    assert (claims["iss"], claims["roles"], claims["n"]) == ("team", ["a", "b"], 3)
    assert jwt.get_unverified_header(text)["kid"] == "k7"
    assert len(claims["jti"]) == 32
    assert 60 < claims["exp"] - time.time() <= 120
    assert fetched.due < fetched.expires
    again = jwt.decode(
        had(kind="jwt", algorithm=algorithm, key=f"file:{key}", claims={"jti": "${id}"}).secret.reveal(),
        publics[key],
        algorithms=[algorithm],
    )
    assert again["jti"] != claims["jti"]


def test_a_token_for_a_jwt(had: Any, server: Server) -> None:
    fetched = had(
        kind="jwt", algorithm="RS256", key="file:rsa.pem", token_url=f"{server.url}/token",
        claims={"iss": "ours"}, scopes=["a", "b"],
    )  # fmt: skip
    assert fetched.secret.reveal() == "token_0000000000000001"
    assert server.forms[0]["assertion"] in fetched.hidden


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("RS256", "ec.pem"), ("ES256", "rsa.pem"), ("RS256", "shared"), ("HS256", "rsa.pem")],
)
def test_a_key_that_does_not_fit_is_told(had: Any, algorithm: str, key: str) -> None:
    with pytest.raises(NotFetched, match="no private key for"):
        had(kind="jwt", algorithm=algorithm, key=f"file:{key}", claims={"iss": "x"})


# Google


def test_an_id_token_of_google(had: Any, server: Server) -> None:
    fetched = had(kind="google", key="file:account", audience=AUDIENCE)
    claims = jwt.decode(fetched.secret.reveal(), options={"verify_signature": False})
    assert claims["aud"] == AUDIENCE
    assert fetched.expires == pytest.approx(claims["exp"])


@pytest.mark.parametrize("answer", [{}, {"id_token": 7}, {"id_token": "x.y.z"}, {"access_token": "t" * 30}])
def test_what_is_no_id_token_is_none(had: Any, server: Server, answer: Any) -> None:
    server.reply = lambda: (200, json.dumps(answer).encode())
    with pytest.raises(NotFetched, match="no ID token"):
        had(kind="google", key="file:account", audience=AUDIENCE)


# Azure


@pytest.mark.parametrize("by", [{"client_secret": "file:client"}, {"certificate": "file:both.pem"}])
def test_azure_by_secret_and_by_certificate(had: Any, server: Server, by: dict[str, str]) -> None:
    fetched = had(
        kind="azure", tenant="tenant-1", client_id="app-1", api_url=server.url,
        scopes=["https://graph.microsoft.com/.default"], **by,
    )  # fmt: skip
    assert fetched.secret.reveal() == "token_0000000000000001"
    used = server.forms[0].get("client_secret") or server.forms[0]["client_assertion"]
    assert used in fetched.hidden


@pytest.mark.parametrize("name", ["client", "rsa.pem"])
def test_a_certificate_that_is_none_is_told(had: Any, server: Server, name: str) -> None:
    with pytest.raises(NotFetched, match="holds no") as failed:
        had(
            kind="azure", tenant="t", client_id="c", api_url=server.url, scopes=["s"],
            certificate=f"file:{name}",
        )  # fmt: skip
    assert SECRET not in f"{failed.value.message}{failed.value.hint}"


# AWS


@pytest.mark.parametrize(
    "origin", [{"access_key": "file:access", "secret_key": "file:secret"}, {"from": "file:aws"}]
)
def test_a_role_is_assumed(had: Any, server: Server, origin: dict[str, str]) -> None:
    fetched = had(
        kind="aws", role=ROLE, region="eu-west-1", api_url=f"{server.url}/sts", life="30m",
        external_id="e 1", session_name="agents", **origin,
    )  # fmt: skip
    assert signing.Keys.read(fetched.secret.reveal()) == signing.Keys(*MADE)
    assert 1700 < fetched.expires - time.time() <= 1800
    assert {SECRET, *MADE} <= set(fetched.hidden)
    assert (server.forms[0]["ExternalId"], server.forms[0]["RoleSessionName"]) == ("e 1", "agents")


@pytest.mark.parametrize(
    "reply",
    [
        (403, b"<ErrorResponse/>"),
        (200, b"<a>"),
        (200, b"<AssumeRoleResponse/>"),
        (200, b'<r xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Credentials><AccessKeyId>A</AccessKeyId>'
              b"<SecretAccessKey>B</SecretAccessKey><Expiration>2020-01-01T00:00:00Z</Expiration>"
              b"</Credentials></r>"),
        (200, b'<r xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Credentials><AccessKeyId>A</AccessKeyId>'
              b"<SecretAccessKey>B</SecretAccessKey></Credentials></r>"),
    ],
    ids=["refused", "cut", "none", "ended", "endless"],
)  # fmt: skip
def test_a_role_that_is_not_given_is_told(had: Any, server: Server, reply: Any) -> None:
    server.reply = lambda: reply
    with pytest.raises(NotFetched):
        had(kind="aws", role=ROLE, region="eu-west-1", api_url=f"{server.url}/sts", **{"from": "file:aws"})
