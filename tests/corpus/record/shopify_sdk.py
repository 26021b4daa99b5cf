"""The official Python library of Shopify."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json(
        {
            "shop": {"id": 1},
            "products": [],
            "product": {"id": 1, "title": "T"},
            "orders": [],
            "order": {"id": 1},
            "customers": [],
            "customer": {"id": 1},
            "refund": {"id": 1},
        }
    )


def namespace() -> Mapping[str, Any]:
    import shopify

    shopify.ShopifyResource.activate_session(
        shopify.Session("acme.myshopify.com", "2024-10", "shpat_placeholder00000000")
    )
    return {"shopify": shopify}


SUITE = Suite(
    name="shopify",
    client="ShopifyAPI",
    version=lambda: version("ShopifyAPI"),
    hosts=("acme.myshopify.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            "shopify.Shop.current()",
            "shopify_get_shop",
            {},
        ),
        case(
            "shopify.Product.find(limit=5)",
            "shopify_list_products",
            {"limit": 5},
        ),
        case(
            "shopify.Product.find(1)",
            "shopify_get_product",
            {"product_id": "1"},
        ),
        case(
            'shopify.Product.create({"title": "T"})',
            "shopify_create_product",
            {},
        ),
        case(
            "shopify.Product.delete(1)",
            "shopify_delete_product",
            {"product_id": "1"},
        ),
        case(
            'shopify.Order.find(status="open")',
            "shopify_list_orders",
            {"status": "open"},
        ),
        case(
            'shopify.Order({"id": 1}).cancel()',
            "shopify_cancel_order",
            {"order_id": "1"},
        ),
        case(
            "shopify.Customer.delete(1)",
            "shopify_delete_customer",
            {"customer_id": "1"},
        ),
        case(
            'shopify.Refund.create({"order_id": 1, "note": "n"})',
            "shopify_create_refund",
            {"order_id": "1"},
        ),
    ),
)
