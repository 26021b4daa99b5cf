"""The official anthropic package: a message whole, and as a stream."""

from anthropic import Anthropic
from telling import tell

client = Anthropic()
ASKED = {
    "model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "How long?"}],
}  # fmt: skip


def allowed() -> list[str]:
    whole = client.messages.create(**ASKED).content[0].text
    with client.messages.stream(**ASKED) as stream:
        return [whole, *stream.text_stream]


SERVERS = [{"type": "url", "url": "https://mcp.example.com", "name": "other"}]
tell(lambda: client.messages.create(**ASKED, extra_body={"mcp_servers": SERVERS}), allowed)
