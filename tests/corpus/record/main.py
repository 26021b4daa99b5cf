"""Record the corpus: run every suite's calls against the recorder and write tests/corpus/NAME.jsonl."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from cases import Case, Suite
from recorder import Recorded, Recorder

CORPUS = Path(__file__).resolve().parents[1]
SUITES = (
    *("stripe_sdk", "github_sdk", "slack_sdk_suite", "openai_sdk", "anthropic_sdk"),
    *("raw", "git_cli", "packages"),
    *("gitlab_sdk", "google_sdk", "msgraph_sdk_suite", "aws_sdk", "cloudflare_sdk", "notion_sdk", "jira_sdk"),
    *("confluence_sdk", "hubspot_sdk", "salesforce_sdk", "zendesk_sdk", "pagerduty_sdk", "datadog_sdk"),
    *("twilio_sdk", "sendgrid_sdk", "shopify_sdk", "discord_sdk", "telegram_sdk", "huggingface_sdk"),
    *("supabase_sdk", "git_hosts", "git_lfs", "linear_sdk", "vercel_sdk", "github_graphql"),
)
BUNDLES = (
    *("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT"),
    *("NODE_EXTRA_CA_CERTS", "npm_config_cafile", "AWS_CA_BUNDLE", "HTTPLIB2_CA_CERTS"),
)
"""Variables that name a trust bundle, for one client or another."""


def main(names: list[str]) -> int:
    """Record the named suites (all without a name); 1 if any call did not behave as its case says."""
    failures = 0
    for name in names or SUITES:
        suite: Suite = __import__(name).SUITE
        with (
            tempfile.TemporaryDirectory() as folder,
            Recorder(Path(folder), suite.hosts).running() as recorder,
        ):
            _environment(recorder, Path(folder))
            lines, failed = _record(suite, recorder)
        failures += failed
        (CORPUS / f"{suite.name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
        print(f"{suite.name}: {len(lines)} requests, {failed} failures")
    return 1 if failures else 0


def _environment(recorder: Recorder, folder: Path) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update({"HTTPS_PROXY": recorder.url, "HOME": str(folder), "LANG": "C.UTF-8"})
    os.environ.update(dict.fromkeys(BUNDLES, str(recorder.bundle)))


def _record(suite: Suite, recorder: Recorder) -> tuple[list[str], int]:
    lines: list[str] = []
    failed = 0
    namespace = dict(suite.namespace())
    for case in suite.cases:
        recorder.requests.clear()
        recorder.reply = _replier(suite, case)
        error = _run(case, namespace)
        got = list(recorder.requests)
        if error or len(got) != len(case.expected):
            failed += 1
            made = [f"{request.method} {request.host}{request.target}" for request in got]
            print(f"{suite.name}: {case.call}\n  made {made}, expected {len(case.expected)}; {error}")
        lines += [
            _line(suite, case, index, request) for index, request in enumerate(got[: len(case.expected)])
        ]
    return lines, failed


def _replier(suite: Suite, case: Case) -> Any:
    if case.answer is None:
        return suite.reply
    answer = case.answer
    return answer if callable(answer) else lambda _: answer


def _run(case: Case, namespace: dict[str, Any]) -> str:
    try:
        eval(case.call, namespace)
    except Exception as error:  # every failure of a client is reported, none ends the recording
        return f"{type(error).__name__}: {error}"
    return ""


def _line(suite: Suite, case: Case, index: int, request: Recorded) -> str:
    expected = case.expected[index]
    record = {
        "sdk": suite.client,
        "version": suite.version(),
        "call": case.call,
        "expect_tool": expected.tool,
        "expect_inputs": dict(expected.inputs),
        **request.as_json(),
    }
    record["headers"] = [[name, _anonymous(value)] for name, value in record["headers"]]
    return json.dumps(record, ensure_ascii=False)


def _anonymous(value: str) -> str:
    """A header's value without what it tells of the machine that records."""
    for own in (platform.platform(), platform.release()):
        value = value.replace(own, "linux")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
