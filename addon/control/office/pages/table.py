"""All pages, in one list; those with a title are in the navigation, in this order."""

from __future__ import annotations

from wharfinger.control.office.pages import account, approvals, audit, overview
from wharfinger.control.office.pages.page import Page

PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *approvals.PAGES,
    *audit.PAGES,
    *account.PAGES,
)

NAVIGATION: tuple[tuple[str, str], ...] = tuple((page.path, page.title) for page in PAGES if page.title)
"""Path and title."""
