"""All pages, in one list; those with a title are in the navigation, in this order."""

from __future__ import annotations

from wharfinger.control.office.pages import (
    account,
    agents,
    approvals,
    audit,
    grants,
    graph,
    overview,
    playground,
    policies,
    preflight,
    tools,
)
from wharfinger.control.office.pages.page import Page

PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *approvals.PAGES,
    *grants.PAGES,
    *agents.PAGES,
    *tools.PAGES,
    *policies.PAGES,
    *audit.PAGES,
    *graph.PAGES,
    *preflight.PAGES,
    *playground.PAGES,
    *account.PAGES,
)

NAVIGATION: tuple[tuple[str, str], ...] = tuple((page.path, page.title) for page in PAGES if page.title)
"""Path and title."""
