"""Play the demo: set the stage, run the scenes, end every process, take everything away again."""

from __future__ import annotations

import base64
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from wharfinger.demo import apis, book, certificates, folder, processes, scenes
from wharfinger.demo.folder import ADMIN, AGENT, APPROVER, REFUND_RULES, RealKeys
from wharfinger.demo.interrupts import INTERRUPTS
from wharfinger.demo.processes import DemoFailed, Operator
from wharfinger.demo.show import Show
from wharfinger.demo.stage import Stage
from wharfinger.demo.standin import StandIn

SHOWN = ("HTTPS_PROXY", "SSL_CERT_FILE", "STRIPE_API_KEY", "GITHUB_TOKEN")
"""The variables of the agent that are worth seeing."""
SCENES = (*scenes.SCENES, book.audited)


def play(show: Show, *, program: str, keep: bool) -> bool:
    """Play all of it; whether every claim held. `program` is what the reader types for wharfinger."""
    began = time.monotonic()
    show.opening()
    root = Path(tempfile.mkdtemp(prefix="wharfinger-demo-"))
    with INTERRUPTS.caught(), ExitStack() as last:
        if not keep:
            last.callback(shutil.rmtree, root)
        last.callback(processes.stop_all)
        _play_in(show, root, keep=keep)
        show.closing(time.monotonic() - began, program, str(root) if keep else "")
    return bool(show.claims) and all(claim.holds for claim in show.claims)


def _play_in(show: Show, root: Path, *, keep: bool) -> None:
    try:
        with _stage(show, root) as stage:
            for scene in SCENES:
                scene(stage)
            if keep:
                stage.stripe.write_record(root / "stripe-received.jsonl")
                stage.github.write_record(root / "github-received.jsonl")
    except DemoFailed as failure:
        show.claim("the demo could be played to its end", holds=False, detail=str(failure))


@contextmanager
def _stage(show: Show, root: Path) -> Iterator[Stage]:
    """Everything started and checked, and ended again."""
    keys = folder.make_keys()
    show.hide({keys.stripe: "real Stripe key", keys.github: "real GitHub token"})
    configuration, logs = root / "configuration", root / "logs"
    for place in (configuration, logs):
        place.mkdir(mode=0o700)
    ca = certificates.make(configuration, (apis.STRIPE, apis.GITHUB))
    stripe = StandIn(apis.STRIPE, ca.context(), apis.stripe(keys.stripe))
    github = StandIn(apis.GITHUB, ca.context(), apis.github(keys.github))
    environment = processes.bare_environment(root / "operator") | {"COLUMNS": str(show.columns)}
    operator = Operator(configuration, environment, logs)
    with stripe, github:
        folder.write(configuration, keys, {apis.STRIPE: stripe.address, apis.GITHUB: github.address})
        show.scene(
            "The stage", "Rules for refunds, which bring tests with them; an agent, and people's keys."
        )
        show.code(REFUND_RULES, "yaml")
        with show.working("checking the configuration, and running the policies' tests"):
            _policy_tests(show, operator)
        with show.working("making the people's keys"):
            operator.run("people", "key", ADMIN, "--no-passphrase")
            operator.run("people", "key", APPROVER, "--no-passphrase", "--as", ADMIN)
        with ExitStack() as running:
            with show.working("starting the proxy"):
                proxy = running.enter_context(processes.proxy(operator))
                agent = _agent_environment(show, operator, root / "agent", keys)
            yield Stage(show, root, keys, stripe, github, operator, proxy, agent)


def _policy_tests(show: Show, operator: Operator) -> None:
    answer = operator.json("test", "--format", "json")
    failed = [row for row in answer["tests"] if not row["passed"]]
    show.claim(
        f"policy: all {len(answer['tests'])} tests that the policies bring with them pass",
        bool(answer["tests"]) and not failed,
        f"{failed}",
    )


def _agent_environment(show: Show, operator: Operator, home: Path, keys: RealKeys) -> dict[str, str]:
    """What `wharfinger env` gives, over an environment with nothing in it."""
    given = operator.json("env", "--agent", AGENT, "--format", "json")
    environment = processes.bare_environment(home) | {str(name): str(value) for name, value in given.items()}
    show.command(f"wharfinger env --agent {AGENT}")
    show.output("", "\n".join(f"{name}={environment.get(name)}" for name in SHOWN), crop=True)
    show.claim(
        "environment: the agent holds a placeholder for each key, and no real key in any form",
        environment.get("STRIPE_API_KEY", "").startswith("sk_test_")
        and environment.get("GITHUB_TOKEN", "").startswith("ghp_")
        and not holds_key(environment, (keys.stripe, keys.github)),
        f"{environment}",
    )
    return environment


def holds_key(environment: Mapping[str, str], keys: tuple[str, ...]) -> bool:
    """Whether any variable holds one of the keys, as it is or in base64."""
    text = "\n".join(environment.values())
    encoded = [
        base64.b64encode(b" " * shift + key.encode())[4:-4].decode() for key in keys for shift in range(3)
    ]
    return any(form in text for form in (*keys, *encoded))
