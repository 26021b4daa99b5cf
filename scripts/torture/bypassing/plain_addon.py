"""A plain addon, as people write them: allow by host and path, inject the key, redact by replace."""

import base64
import json
import os
import re
from pathlib import Path

from mitmproxy import http

SECRETS = json.loads(Path(os.environ["SECRETS"]).read_text())
KEYS = {
    "api.example.com": "API", "files.example.com": "API", "chat.example.com": "API",
    "other.example.com": "OTHER", "query.example.com": "QUERY",
}  # fmt: skip
OPEN = re.compile(r"(open|plain|alias|cdn)\.example\.com|.*\.rebind\.example\.com")
ALLOWED = [
    ("api.example.com", "GET", r"/(items|reflect|raw|masked|login)/.*|/items|/search|/files/public/.*"),
    ("api.example.com", "HEAD", r"/(reflect|raw)/.*"),
    ("api.example.com", "POST", r"/items|/(pay|transfer|attach|rpc|graphql)/[^/]+"),
    ("other.example.com", "GET", r"/(things|reflect)/.*"),
    ("query.example.com", "GET", r"/(entries|reflect)/.*"),
    ("files.example.com", "GET", r"/fetch/.*"),
    ("files.example.com", "PUT", r"/upload/.*"),
    ("chat.example.com", "GET", r"/chat/.*"),
]


def may(request: http.Request) -> bool:
    path = request.path.partition("?")[0]
    if OPEN.fullmatch(request.host):
        return request.method == "GET" and path.startswith(("/open/", "/pkg/"))
    if not any((request.host, request.method) == (h, m) and re.fullmatch(p, path) for h, m, p in ALLOWED):
        return False
    if path.startswith(("/pay/", "/transfer/")):
        body = request.json() if path.startswith("/pay/") else dict(request.urlencoded_form)
        return int(body["amount"]) <= 100 and body["to"] == "bob"
    if path.startswith("/attach/"):
        return dict(request.multipart_form)[b"to"] == b"bob"
    if path.startswith("/rpc/"):
        return bool(request.json()["method"] == "get")
    return "mutation" not in (request.text or "") if path.startswith("/graphql/") else True


class Plain:
    def http_connect(self, flow: http.HTTPFlow) -> None:
        if flow.request.host not in KEYS and not OPEN.fullmatch(flow.request.host):
            flow.response = http.Response.make(403, b"denied by policy")

    def request(self, flow: http.HTTPFlow) -> None:
        flow.request.headers.pop("Proxy-Authorization", None)
        try:
            allowed = may(flow.request)
        except Exception:  # noqa: BLE001 - as people write it
            allowed = False
        if not allowed:
            flow.response = http.Response.make(403, b"denied by policy")
        elif (key := KEYS.get(flow.request.host)) and flow.request.scheme == "https":
            secret = SECRETS["LOGIN"] if flow.request.path.startswith("/login/") else SECRETS[key]
            if key == "OTHER":
                flow.request.headers["X-Api-Key"] = secret
            elif key == "QUERY":
                flow.request.query["key"] = secret
            elif flow.request.path.startswith("/login/"):
                flow.request.headers["Authorization"] = (
                    "Basic " + base64.b64encode(f"user:{secret}".encode()).decode()
                )
            else:
                flow.request.headers["Authorization"] = f"Bearer {secret}"

    def response(self, flow: http.HTTPFlow) -> None:
        for secret in SECRETS.values():
            for name, value in flow.response.headers.items():
                flow.response.headers[name] = value.replace(secret, "[redacted]")
            if secret in (flow.response.text or ""):
                flow.response.text = flow.response.text.replace(secret, "[redacted]")


addons = [Plain()]
