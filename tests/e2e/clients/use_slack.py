"""slack_sdk."""

import os

from slack_sdk import WebClient
from telling import tell

client = WebClient(token=os.environ["SLACK_BOT_TOKEN"])


def post(channel: str) -> str:
    return client.chat_postMessage(channel=channel, text="hello")["ts"]


tell(lambda: post("#general"), lambda: post("#agents"))
