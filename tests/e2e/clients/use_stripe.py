"""The official stripe package."""

import os

import stripe
from telling import tell

stripe.api_key = os.environ["STRIPE_API_KEY"]


def refund(amount: int) -> str:
    return stripe.Refund.create(payment_intent="pi_1", amount=amount).id


tell(lambda: refund(90000), lambda: refund(1500))
