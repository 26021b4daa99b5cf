"""stripe-python, both of its styles: `StripeClient` and the module's own functions."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded

OBJECTS = {
    "customers": "customer",
    "refunds": "refund",
    "charges": "charge",
    "payment_intents": "payment_intent",
    "invoices": "invoice",
    "subscriptions": "subscription",
}


def reply(request: Recorded) -> Answer:
    """An object of the kind the path names, or a list of none."""
    path = request.target.split("?")[0].split("/")[2:]
    if request.method == "DELETE":
        return Answer.json({"id": path[-1], "object": OBJECTS.get(path[0], path[0]), "deleted": True})
    if request.method == "GET" and len(path) == 1 and path[0] != "balance":
        listing = {"object": "list", "url": f"/v1/{path[0]}", "has_more": False, "data": []}
        return Answer.json(listing)
    if path[-1] == "search":
        return Answer.json({"object": "search_result", "url": request.target, "has_more": False, "data": []})
    return Answer.json({"id": "obj_1", "object": OBJECTS.get(path[0], path[0])})


def namespace() -> Mapping[str, Any]:
    import stripe

    stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
    stripe.api_key = "sk_test_placeholder0000000000"
    return {"stripe": stripe, "client": stripe.StripeClient("sk_test_placeholder0000000000").v1}


SUITE = Suite(
    name="stripe",
    client="stripe-python",
    version=lambda: version("stripe"),
    hosts=("api.stripe.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            'client.customers.create({"email": "ada@example.com", "name": "Ada L", "metadata": {"order": "6735"},'
            ' "address": {"line1": "1 Main St", "city": "Berlin", "country": "DE"}})',
            "stripe_create_customer",
            {"email": "ada@example.com", "name": "Ada L", "metadata": {"order": "6735"}},
        ),
        case(
            'client.customers.retrieve("cus_1", {"expand": ["default_source", "tax"]})',
            "stripe_get_customer",
            {"customer": "cus_1"},
        ),
        case('stripe.Customer.retrieve("cus_1")', "stripe_get_customer", {"customer": "cus_1"}),
        case(
            'client.customers.list({"email": "ada@example.com", "limit": 3, "created": {"gte": 1700000000}})',
            "stripe_list_customers",
            {"email": "ada@example.com", "limit": 3},
        ),
        case(
            "client.customers.search({\"query\": \"email:'ada@example.com' AND metadata['a']:'b'\", \"limit\": 10})",
            "stripe_search_customers",
            {"query": "email:'ada@example.com' AND metadata['a']:'b'"},
        ),
        case(
            'client.customers.update("cus_1", {"description": "née Müller & söhne"})',
            "stripe_update_customer",
            {"customer": "cus_1", "description": "née Müller & söhne"},
        ),
        case('client.customers.delete("cus_1")', "stripe_delete_customer", {"customer": "cus_1"}),
        case(
            'client.payment_intents.create({"amount": 1999, "currency": "eur", "customer": "cus_1",'
            ' "payment_method_types": ["card", "sepa_debit"], "automatic_payment_methods": {"enabled": False}},'
            ' {"idempotency_key": "order-6735"})',
            "stripe_create_payment_intent",
            {"amount": 1999, "currency": "eur", "customer": "cus_1"},
        ),
        case(
            'client.payment_intents.retrieve("pi_1")', "stripe_get_payment_intent", {"payment_intent": "pi_1"}
        ),
        case(
            'client.payment_intents.list({"customer": "cus_1", "limit": 5})',
            "stripe_list_payment_intents",
            {"customer": "cus_1"},
        ),
        case(
            'client.payment_intents.confirm("pi_1", {"payment_method": "pm_card_visa",'
            ' "return_url": "https://example.com/done"})',
            "stripe_confirm_payment_intent",
            {"payment_intent": "pi_1", "payment_method": "pm_card_visa"},
        ),
        case(
            'client.payment_intents.capture("pi_1", {"amount_to_capture": 500})',
            "stripe_capture_payment_intent",
            {"payment_intent": "pi_1", "amount_to_capture": 500},
        ),
        case(
            'client.payment_intents.cancel("pi_1", {"cancellation_reason": "duplicate"})',
            "stripe_cancel_payment_intent",
            {"payment_intent": "pi_1", "cancellation_reason": "duplicate"},
        ),
        case(
            'client.refunds.create({"payment_intent": "pi_1", "amount": 2500, "reason": "duplicate"})',
            "stripe_create_refund",
            {"payment_intent": "pi_1", "amount": 2500, "reason": "duplicate"},
        ),
        case(
            'stripe.Refund.create(charge="ch_1", metadata={"ticket": "T-9", "by": "support"}, expand=["charge"])',
            "stripe_create_refund",
            {"charge": "ch_1", "metadata": {"ticket": "T-9", "by": "support"}, "expand": ["charge"]},
        ),
        case('client.refunds.retrieve("re_1")', "stripe_get_refund", {"refund": "re_1"}),
        case('client.refunds.list({"charge": "ch_1"})', "stripe_list_refunds", {"charge": "ch_1"}),
        case('client.charges.retrieve("ch_1")', "stripe_get_charge", {"charge": "ch_1"}),
        case('stripe.Charge.list(limit=3, customer="cus_1")', "stripe_list_charges", {"limit": 3}),
        case("client.balance.retrieve()", "stripe_get_balance", {}),
        case(
            'client.balance_transactions.list({"type": "payout", "limit": 100})',
            "stripe_list_balance_transactions",
            {"type": "payout"},
        ),
        case(
            'client.products.create({"name": "Gold", "active": True})',
            "stripe_create_product",
            {"name": "Gold", "active": True},
        ),
        case('client.products.list({"active": True})', "stripe_list_products", {}),
        case(
            'client.prices.create({"product": "prod_1", "unit_amount": 900, "currency": "usd",'
            ' "recurring": {"interval": "month", "interval_count": 1}})',
            "stripe_create_price",
            {"product": "prod_1", "unit_amount": 900, "currency": "usd"},
        ),
        case('client.prices.list({"product": "prod_1"})', "stripe_list_prices", {"product": "prod_1"}),
        case(
            'client.checkout.sessions.create({"mode": "payment", "success_url": "https://example.com/ok",'
            ' "line_items": [{"price": "price_1", "quantity": 2}, {"price": "price_2", "quantity": 1}]})',
            "stripe_create_checkout_session",
            {"mode": "payment", "success_url": "https://example.com/ok"},
        ),
        case(
            'client.checkout.sessions.retrieve("cs_1")',
            "stripe_get_checkout_session",
            {"session": "cs_1"},
        ),
        case(
            'client.payment_links.create({"line_items": [{"price": "price_1", "quantity": 1}]})',
            "stripe_create_payment_link",
            {},
        ),
        case(
            'client.invoices.create({"customer": "cus_1", "collection_method": "send_invoice",'
            ' "days_until_due": 30, "auto_advance": False})',
            "stripe_create_invoice",
            {"customer": "cus_1", "days_until_due": 30, "auto_advance": False},
        ),
        case(
            'client.invoice_items.create({"customer": "cus_1", "amount": -500, "currency": "usd",'
            ' "invoice": "in_1", "description": "credit"})',
            "stripe_create_invoice_item",
            {"customer": "cus_1", "amount": -500},
        ),
        case('client.invoices.retrieve("in_1")', "stripe_get_invoice", {"invoice": "in_1"}),
        case(
            'client.invoices.list({"customer": "cus_1", "status": "open"})',
            "stripe_list_invoices",
            {"status": "open"},
        ),
        case(
            'client.invoices.finalize_invoice("in_1", {"auto_advance": True})',
            "stripe_finalize_invoice",
            {"invoice": "in_1", "auto_advance": True},
        ),
        case('client.invoices.send_invoice("in_1")', "stripe_send_invoice", {"invoice": "in_1"}),
        case('client.invoices.void_invoice("in_1")', "stripe_void_invoice", {"invoice": "in_1"}),
        case(
            'client.subscriptions.create({"customer": "cus_1", "items": [{"price": "price_1"}],'
            ' "trial_period_days": 14})',
            "stripe_create_subscription",
            {"customer": "cus_1", "trial_period_days": 14},
        ),
        case('client.subscriptions.retrieve("sub_1")', "stripe_get_subscription", {"subscription": "sub_1"}),
        case(
            'client.subscriptions.list({"customer": "cus_1"})',
            "stripe_list_subscriptions",
            {"customer": "cus_1"},
        ),
        case(
            'client.subscriptions.update("sub_1", {"cancel_at_period_end": True, "metadata": {"why": "asked"}})',
            "stripe_update_subscription",
            {"subscription": "sub_1", "cancel_at_period_end": True},
        ),
        case(
            'client.subscriptions.cancel("sub_1", {"invoice_now": True, "prorate": True})',
            "stripe_cancel_subscription",
            {"subscription": "sub_1"},
        ),
        case('stripe.Subscription.cancel("sub_1")', "stripe_cancel_subscription", {"subscription": "sub_1"}),
        case("client.disputes.list()", "stripe_list_disputes", {}),
        case(
            'client.disputes.update("dp_1", {"evidence": {"customer_name": "Ada"}, "submit": True})',
            "stripe_update_dispute",
            {"dispute": "dp_1", "submit": True},
        ),
        case(
            'client.coupons.create({"percent_off": 25.5, "duration": "once"})',
            "stripe_create_coupon",
            {"percent_off": 25.5, "duration": "once"},
        ),
        case(
            'client.payouts.create({"amount": 10000, "currency": "usd"})',
            "stripe_create_payout",
            {"amount": 10000, "currency": "usd"},
        ),
        case(
            'client.events.list({"type": "charge.refunded", "limit": 1})',
            "stripe_list_events",
            {"type": "charge.refunded"},
        ),
    ),
)
