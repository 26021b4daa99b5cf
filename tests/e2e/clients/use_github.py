"""PyGithub, with its own retries on."""

import os

import github
from telling import tell

hub = github.Github(auth=github.Auth.Token(os.environ["GITHUB_TOKEN"]), lazy=True)
shop = hub.get_repo("acme/shop")
tell(shop.delete, lambda: shop.create_issue("Refunds fail on Sundays").number)
