"""The APIs that programs and agents ask, with a configuration for them.

Shapes after https://platform.openai.com/docs/api-reference/responses, https://ai.google.dev/api,
https://doc.rust-lang.org/cargo/reference/registry-index.html and
https://docs.aws.amazon.com/STS/latest/APIReference.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from pathlib import Path
from typing import Any, Final

from wharfinger.demo import certificates

from . import apis
from .apis import ANTHROPIC, GITHUB, OPENAI
from .standins import Answer, Reply, Seen, StandIn
from .world import World

STS, GEMINI = "sts.us-east-1.amazonaws.com", "generativelanguage.googleapis.com"
CRATES_INDEX, CRATES = "index.crates.io", "static.crates.io"
KEYS: Final = {
    "GITHUB_TOKEN": ("ghp_", [GITHUB]),
    "OPENAI_API_KEY": ("sk-", [OPENAI]),
    "ANTHROPIC_API_KEY": ("sk-ant-", [ANTHROPIC]),
    "GEMINI_API_KEY": ("AIza", [GEMINI]),
}
"""How each key begins, its placeholder too, and where it may go."""
SAID: Final = "".join(apis.WORDS)


def responses(key: str) -> Answer:
    """OpenAI's Responses, as events."""

    def answer(seen: Seen) -> Reply:
        if (seen.method, seen.path) != ("POST", "/v1/responses"):
            return Reply.json({"error": {"message": "no such thing", "type": "invalid_request_error"}}, 404)
        part = {"type": "output_text", "text": SAID, "annotations": []}
        item = {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
        whole = {
            "id": "resp_1",
            "object": "response",
            "status": "completed",
            "output": [item],
            "usage": usage,
        }
        events: list[dict[str, Any]] = [
            {"type": "response.created", "response": whole | {"status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": whole},
        ]
        return Reply.events(*((str(event["type"]), event) for event in events))

    return _behind(key, answer)


def gemini(key: str) -> Answer:
    """Google's generateContent, whole or as events."""

    def answer(seen: Seen) -> Reply:
        content = {"role": "model", "parts": [{"text": SAID}]}
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
        candidate = {"content": content, "finishReason": "STOP", "index": 0}
        told = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "trial"}
        if seen.path.endswith(":streamGenerateContent"):
            return Reply.events((None, told))
        return Reply.json(told) if seen.path.endswith(":generateContent") else Reply.json({"totalTokens": 3})

    return _behind(key, answer)


def _behind(key: str, answer: Answer) -> Answer:
    def guarded(seen: Seen) -> Reply:
        presented = (seen.header("authorization"), seen.header("x-goog-api-key"))
        if not {f"Bearer {key}", key} & set(presented):
            return Reply.json({"error": {"code": 401, "message": "that is not the key"}}, 401)
        return answer(seen)

    return guarded


def sts(access_key: str) -> Answer:
    """AWS STS: who signed. That the signature is right is for others to try (tests of signing)."""

    def answer(seen: Seen) -> Reply:
        if f"Credential={access_key}/" not in seen.header("authorization"):
            return Reply(
                403, b"<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>"
            )
        body = (
            "<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'>"
            "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bot</Arn><UserId>AIDA</UserId>"
            "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        return Reply(200, body.encode(), {"Content-Type": "text/xml"})

    return answer


def _crate() -> bytes:
    """The archive of an empty crate."""
    files = {
        "Cargo.toml": b'[package]\nname = "wharf-trial"\nversion = "1.0.0"\nedition = "2021"\n',
        "src/lib.rs": b"",
    }
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"wharf-trial-1.0.0/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(held.getvalue(), mtime=0)


_ARCHIVE: Final = _crate()


def crates_index(seen: Seen) -> Reply:
    """The sparse index."""
    if seen.path == "/config.json":
        return Reply.json({"dl": f"https://{CRATES}/crates", "api": "https://crates.io"})
    if seen.path != "/wh/ar/wharf-trial":
        return Reply(404)
    row = {
        "name": "wharf-trial", "vers": "1.0.0", "deps": [], "features": {}, "yanked": False,
        "cksum": hashlib.sha256(_ARCHIVE).hexdigest(),
    }  # fmt: skip
    return Reply(200, json.dumps(row).encode() + b"\n", {"ETag": '"1"'})


def crates(seen: Seen) -> Reply:
    """The archives."""
    return Reply(200, _ARCHIVE) if seen.path == "/crates/wharf-trial/1.0.0/download" else Reply(404)


_FILES: Final = {
    "agents.yaml": "agents:\n  bot: {owner: alice, policies: [work]}\n",
    "people.yaml": "people:\n  alice: {role: admin}\n  bob: {role: approver}\n",
    "tools/gemini.yaml": f"""\
api: gemini
base: https://{GEMINI}/v1beta
auth: {{secret: GEMINI_API_KEY, name: x-goog-api-key, format: "${{secret}}"}}
headers: {{pass: [x-goog-api-client]}}
tools:
  - tool: gemini_generate
    effect: write
    input: {{model: string, how: {{type: string, enum: [generateContent, streamGenerateContent]}}}}
    run: {{method: POST, url: "/models/${{model}}:${{how}}", encoding: any, extra: allow}}
""",
    "tools/cargo.yaml": f"""\
api: cargo
base: https://{CRATES_INDEX}
tools:
  - tool: cargo_index
    run: {{method: GET, url: "/${{path...}}"}}
  - tool: cargo_archive
    run: {{method: GET, url: "https://{CRATES}/crates/${{crate}}/${{version}}/download"}}
""",
    "policies/work.yaml": """\
policy: work
allow:
  - tool: github_get_authenticated_user
  - tool: aws_sts_get_caller_identity
  - tool: openai_create_response
  - tool: openai_list_models
  - tool: anthropic_create_message
  - tool: anthropic_count_tokens
  - tool: gemini_generate
  - tool: cargo_*
deny:
  - tool: github_delete_*
    because: agents delete nothing at GitHub
""",
}
_SETTINGS: Final = """\
version: 1
listen: 127.0.0.1:0
console: 127.0.0.1:0
data: ./data
catalogue: [github, openai, anthropic, crates, {{aws_sts: {{region: us-east-1}}}}]
resolve: {resolve}
upstream: {{ca: {{"*": stand-in-ca.pem}}}}
"""


class Vendors(World):
    """These APIs, with the keys that they know."""

    @classmethod
    def open(cls, root: Path) -> Vendors:
        keys = {name: begins + secrets.token_hex(20) for name, (begins, _) in KEYS.items()}
        keys |= {"AWS_CREDENTIALS": f"AKIA{secrets.token_hex(8).upper()}", "STRIPE_API_KEY": ""}
        answers = {
            GITHUB: apis.github(keys["GITHUB_TOKEN"]),
            OPENAI: responses(keys["OPENAI_API_KEY"]),
            ANTHROPIC: apis.anthropic(keys["ANTHROPIC_API_KEY"]),
            GEMINI: gemini(keys["GEMINI_API_KEY"]),
            STS: sts(keys["AWS_CREDENTIALS"]),
            CRATES_INDEX: crates_index,
            CRATES: crates,
        }
        ca = certificates.make(root, tuple(answers))
        hosts = {host: StandIn(host, ca.context(), answer) for host, answer in answers.items()}
        return cls(root, ca, keys, hosts)

    def configure(self, name: str, **_: Any) -> Path:
        """Write the configuration folder."""
        folder = self.root / name
        rows: dict[str, Any] = {
            name: {"from": f"file:secrets/{name}", "placeholder": begins, "hosts": hosts}
            for name, (begins, hosts) in KEYS.items()
        }
        rows["OPENAI_API_KEY"]["env"] = ["OPENAI_API_KEY", "CODEX_API_KEY"]  # what `codex exec` reads
        rows["AWS_CREDENTIALS"] = {
            "kind": "aws", "hosts": [STS],
            "access_key": "file:secrets/AWS_CREDENTIALS", "secret_key": "file:secrets/AWS_SECRET",
        }  # fmt: skip
        resolve = {f"{host}:443": stand_in.address for host, stand_in in self.hosts.items()}
        values = {**self.keys, "AWS_SECRET": secrets.token_hex(20)}
        files = {
            **_FILES,
            "wharfinger.yaml": _SETTINGS.format(resolve=json.dumps(resolve)),
            "credentials.yaml": json.dumps({"credentials": rows}),
            "stand-in-ca.pem": self.ca.root.read_text(),
            **{f"secrets/{name}": f"{value}\n" for name, value in values.items()},
        }
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / path).touch(mode=0o600)
            (folder / path).write_text(text)
        return folder
