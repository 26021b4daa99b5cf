"""What the stand-ins answer: enough of Stripe and GitHub for their official packages to be content.

Shapes after https://docs.stripe.com/api and https://docs.github.com/rest. Both know one key and refuse all
others, as the real ones would: a placeholder gets nobody in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from wharfinger.demo.standin import Answer, Received

STRIPE, GITHUB = "api.stripe.com", "api.github.com"
_CREATED = 1768392000


def stripe(key: str) -> Callable[[Received], Answer]:
    """Stripe for the holder of `key`."""
    numbers = itertools.count(1)

    def answer(seen: Received) -> Answer:
        if not _signed_in(seen, key):
            return _stripe_error(401, "Invalid API Key provided")
        if (seen.method, seen.path) == ("POST", "/v1/refunds"):
            return _refund(seen, numbers)
        if seen.method == "GET" and seen.path.startswith("/v1/payment_intents/"):
            return _payment_intent(seen)
        return _stripe_error(404, f"Unrecognized request URL ({seen.method}: {seen.path})")

    return answer


def _stripe_error(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"type": "invalid_request_error", "message": message}})


def _refund(seen: Received, numbers: Iterator[int]) -> Answer:
    amount = seen.form.get("amount", "")
    if not amount.isdigit():
        return _stripe_error(400, "Invalid integer: amount")
    refund = {
        "id": f"re_demo_{next(numbers)}", "object": "refund", "amount": int(amount), "currency": "usd",
        "payment_intent": seen.form.get("payment_intent"), "reason": seen.form.get("reason"),
        "status": "succeeded", "created": _CREATED, "metadata": {},
    }  # fmt: skip
    return Answer(200, refund)


def _payment_intent(seen: Received) -> Answer:
    """Somebody's debugging is still in the metadata: the header with the key, come back."""
    name = seen.path.rpartition("/")[2]
    content = {
        "id": name, "object": "payment_intent", "amount": 20000, "currency": "usd", "status": "succeeded",
        "client_secret": f"{name}_secret_demo", "created": _CREATED,
        "metadata": {"order": "6735", "debug": f"sent Authorization: {seen.header('Authorization')}"},
    }  # fmt: skip
    return Answer(200, content)


def github(token: str) -> Callable[[Received], Answer]:
    """GitHub for the holder of `token`."""

    def answer(seen: Received) -> Answer:
        if not _signed_in(seen, token):
            return Answer(401, {"message": "Bad credentials", "status": "401"})
        parts = seen.path.strip("/").split("/")
        match seen.method, parts:
            case "GET", ["user"]:
                return Answer(
                    200, {"login": "acme-bot", "id": 1, "type": "User", "url": _api("users/acme-bot")}
                )
            case "GET", ["repos", owner, repo]:
                return Answer(200, _repository(owner, repo))
            case "POST", ["repos", owner, repo, "issues"]:
                return Answer(201, _issue(owner, repo, str(seen.json.get("title", ""))))
            case "DELETE", ["repos", _, _]:
                return Answer(204, None)
        return Answer(404, {"message": "Not Found", "status": "404"})

    return answer


def _api(path: str) -> str:
    return f"https://{GITHUB}/{path}"


def _repository(owner: str, repo: str) -> dict[str, object]:
    full = f"{owner}/{repo}"
    return {"id": 2, "name": repo, "full_name": full, "private": True, "url": _api(f"repos/{full}")}


def _issue(owner: str, repo: str, title: str) -> dict[str, object]:
    return {
        "id": 3, "number": 42, "title": title, "state": "open",
        "url": _api(f"repos/{owner}/{repo}/issues/42"),
        "html_url": f"https://github.com/{owner}/{repo}/issues/42",
    }  # fmt: skip


def _signed_in(seen: Received, key: str) -> bool:
    return seen.header("Authorization") in {f"Bearer {key}", f"token {key}"}
