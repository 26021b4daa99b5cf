"""The scenes of the demo. Each shows one thing, and claims only what the stand-ins' records bear out."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable

from wharfinger.demo import apis
from wharfinger.demo.folder import AGENT, APPROVER
from wharfinger.demo.processes import PATIENCE, DemoFailed, Running
from wharfinger.demo.stage import Stage

REFUNDS, PAYMENT = "/v1/refunds", "/v1/payment_intents/pi_demo"

_REFUND = """\
import os, stripe
stripe.api_key = os.environ["STRIPE_API_KEY"]
refund = stripe.Refund.create(payment_intent="pi_demo", amount=@AMOUNT@)
print(refund.id, refund.status)
"""

_REFUND_REFUSED = """\
import os, stripe
stripe.api_key = os.environ["STRIPE_API_KEY"]
try:
    stripe.Refund.create(payment_intent="pi_demo", amount=@AMOUNT@)
except stripe.StripeError as error:
    print(type(error).__name__, "-", error.user_message)
"""

_DELETE = """\
import os, github
hub = github.Github(auth=github.Auth.Token(os.environ["GITHUB_TOKEN"]), lazy=True)
try:
    hub.get_repo("acme/shop").delete()
except github.GithubException as error:
    print(type(error).__name__, "-", error.message)
"""

_ISSUE = """\
import os, github
hub = github.Github(auth=github.Auth.Token(os.environ["GITHUB_TOKEN"]), lazy=True)
issue = hub.get_repo("acme/shop").create_issue("Refunds fail on Sundays")
print(f"#{issue.number}", issue.title)
"""

_CURL = 'curl -sS -u "$STRIPE_API_KEY:" https://api.stripe.com' + PAYMENT

_READ = f"""\
import os, stripe
stripe.api_key = os.environ["STRIPE_API_KEY"]
print(stripe.PaymentIntent.retrieve("{PAYMENT.rpartition("/")[2]}"))
"""


def allowed(stage: Stage) -> None:
    """A small refund goes out with the real key."""
    show, code = stage.show, _REFUND.replace("@AMOUNT@", "1500")
    show.scene("An allowed refund", "The agent refunds 15.00 with Stripe's own package and a placeholder.")
    show.code(code)
    with show.working("the agent refunds 15.00"):
        ended = stage.python(code)
    show.output("agent sees", ended.said)
    stage.say_received("Stripe", stage.stripe)
    received = stage.stripe.record.requests("POST", REFUNDS)
    show.claim(
        "refund: Stripe received it exactly once, with the amount of 1500",
        len(received) == 1 and received[0].form == {"payment_intent": "pi_demo", "amount": "1500"},
        f"{received}",
    )
    show.claim(
        "refund: it came with the real key, which the agent has never held",
        bool(received) and received[0].header("Authorization") == f"Bearer {stage.keys.stripe}",
        f"{[seen.header('Authorization') for seen in received]}",
    )
    show.claim(
        "refund: the stripe package got its answer", ended.out.strip() == "re_demo_1 succeeded", ended.said
    )


def redacted(stage: Stage) -> None:
    """An answer holds the real key; the agent does not get to see it."""
    show = stage.show
    show.scene(
        "A secret in an answer",
        "The payment's metadata hold what somebody once debugged: the Authorization header, key and all.",
    )
    with_curl = shutil.which("curl", path=stage.agent["PATH"]) is not None
    if with_curl:
        show.command(_CURL)
    else:
        show.skipped("curl is not installed; the stripe package reads the payment in its stead")
        show.code(_READ)
    with show.working("the agent reads a payment"):
        ended = stage.run("sh", "-c", _CURL) if with_curl else stage.python(_READ)
    answers = [
        answer.body.decode()
        for seen, answer in stage.stripe.record.exchanges
        if (seen.method, seen.path) == ("GET", PAYMENT)
    ]
    show.output("Stripe sent", "\n".join(map(_spaced, answers)))
    show.output("agent sees", _spaced(ended.said))
    show.claim(
        "redaction: what Stripe sent holds the real key",
        len(answers) == 1 and stage.keys.stripe in answers[0],
        f"{answers}",
    )
    show.claim(
        "redaction: the agent got the same answer with its own placeholder in the key's place",
        f"Bearer {stage.agent['STRIPE_API_KEY']}" in ended.out and stage.keys.stripe not in ended.said,
        ended.said,
    )
    show.claim(
        "redaction: the payment's client_secret is masked too, as the tool's file says",
        '"client_secret":"[redacted]"' in ended.out.replace(" ", "") and "_secret_demo" in "".join(answers),
        ended.said,
    )


def _spaced(text: str) -> str:
    """JSON with spaces, to be read; other text as it is."""
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return text


def denied(stage: Stage) -> None:
    """Refused calls reach nobody, and the packages' own exceptions say why."""
    show = stage.show
    show.scene("A denial", "Deleting a repository is denied. GitHub is not even connected to.")
    show.code(_DELETE)
    with show.working("the agent deletes a repository"):
        deleting = stage.python(_DELETE)
    show.output("agent sees", deleting.said)
    show.claim(
        "denial: PyGithub's own exception gives the policy's reason",
        deleting.out.startswith("GithubException - ") and "Agents delete nothing at GitHub" in deleting.out,
        deleting.said,
    )
    show.claim(
        "denial: no connection to GitHub was made, none at all so far",
        stage.github.record.state() == (0, 0),
        f"connections and requests: {stage.github.record.state()}",
    )
    before = stage.stripe.record.state()
    show.code('stripe.Refund.create(payment_intent="pi_demo", amount=90000)')
    with show.working("the agent refunds 900.00"):
        refunding = stage.python(_REFUND_REFUSED.replace("@AMOUNT@", "90000"))
    show.output("agent sees", refunding.said)
    show.claim(
        "denial: the stripe package's own exception gives it too, and Stripe heard nothing of the refund",
        refunding.out.startswith("PermissionError - ")
        and "Refunds above 500.00 are made by finance" in refunding.out
        and stage.stripe.record.state() == before,
        f"{refunding.said}\nbefore {before}, after {stage.stripe.record.state()}",
    )
    show.code('hub.get_repo("acme/shop").create_issue("Refunds fail on Sundays")')
    with show.working("the agent opens an issue"):
        opening = stage.python(_ISSUE)
    show.output("agent sees", opening.said)
    received = stage.github.record.requests("POST", "/repos/acme/shop/issues")
    show.claim(
        "denial: opening an issue, which is allowed, still works, with GitHub's real token",
        opening.out.strip() == "#42 Refunds fail on Sundays"
        and len(received) == 1
        and received[0].header("Authorization") == f"Bearer {stage.keys.github}",
        opening.said,
    )


def asked(stage: Stage) -> None:
    """A larger refund waits for a person, and then goes through once."""
    show, code = stage.show, _REFUND.replace("@AMOUNT@", "12000")
    show.scene(
        "An approval", f"A refund of 120.00 needs somebody of finance. The agent waits; {APPROVER} answers."
    )
    before = stage.stripe.record.state()
    process = stage.begin(sys.executable, "-c", code)
    try:
        with show.working("the agent refunds 120.00 and waits"):
            waiting = _waiting(stage, process)
        show.command("wharfinger approvals list")
        show.output("", stage.operator.run("approvals", "list").out)
        show.claim(
            "approval: while the question stands, nothing has reached Stripe",
            stage.stripe.record.state() == before and process.alive,
            f"before {before}, after {stage.stripe.record.state()}",
        )
        show.command(f"wharfinger approvals approve {waiting} --as {APPROVER}")
        approved = stage.operator.run("approvals", "approve", waiting, "--as", APPROVER)
        show.output("", approved.out)
        with show.working("the refund goes out"):
            ended = process.wait()
    finally:
        process.stop()
    show.output("agent sees", ended.said)
    stage.say_received("Stripe", stage.stripe)
    received = [
        seen for seen in stage.stripe.record.requests("POST", REFUNDS) if seen.form.get("amount") == "12000"
    ]
    show.claim(
        "approval: a second process approved it, and the agent's call went on as if nothing had been",
        ended.code == 0 and ended.out.strip() == "re_demo_2 succeeded",
        ended.said,
    )
    show.claim(
        "approval: Stripe received it exactly once, with the real key",
        [seen.header("Authorization") for seen in received] == [f"Bearer {stage.keys.stripe}"],
        f"{received}",
    )
    states = {row["id"]: row["state"] for row in stage.operator.json("approvals", "list", "--json", "--all")}
    show.claim("approval: it is used up", states.get(waiting) == "used", f"{states}")


def _waiting(stage: Stage, process: Running) -> str:
    """The id of the one approval that waits. Raises `DemoFailed` if none comes."""
    deadline = time.monotonic() + PATIENCE / 2
    while process.alive and time.monotonic() < deadline:
        rows = stage.operator.json("approvals", "list", "--json")
        if len(rows) == 1 and rows[0]["state"] == "pending":
            return str(rows[0]["id"])
    raise DemoFailed(f"no request was held for approval\n{process.so_far().said}")


def explained(stage: Stage) -> None:
    """The decision on a request, step by step, without sending it."""
    show = stage.show
    show.scene("An explanation", "What would become of a request, and why; nothing is sent.")
    request = ("POST", f"https://{apis.STRIPE}{REFUNDS}", "-d", "payment_intent=pi_demo&amount=90000")
    before = stage.stripe.record.state()
    show.command(f"wharfinger explain --agent {AGENT} {request[0]} {request[1]} \\\n      -d '{request[3]}'")
    show.output("", stage.operator.run("explain", "--agent", AGENT, *request).out)
    answer = stage.operator.json("explain", "--agent", AGENT, *request, "--json")
    made = [
        event
        for event in stage.events()
        if event.get("kind") == "denied" and event.get("host") == apis.STRIPE
    ]
    show.claim(
        "explanation: verdict and policy digest are those that the proxy gave to the same refund above",
        answer["verdict"] == "deny"
        and [(event["verdict"], event["policy_digest"]) for event in made]
        == [("deny", answer["policy_digest"])],
        f"{answer}\n{made}",
    )
    show.claim(
        "explanation: nothing was sent",
        stage.stripe.record.state() == before,
        f"before {before}, after {stage.stripe.record.state()}",
    )


SCENES: tuple[Callable[[Stage], None], ...] = (allowed, redacted, denied, asked, explained)
"""In the order in which they are played; each relies on those before it."""
