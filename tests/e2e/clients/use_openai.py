"""The official openai package: a completion whole, and as a stream."""

from openai import OpenAI
from telling import tell

client = OpenAI()
ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "How long?"}]}


def allowed() -> list[str]:
    whole = client.chat.completions.create(**ASKED).choices[0].message.content
    stream = client.chat.completions.create(**ASKED, stream=True)
    pieces = [chunk.choices[0].delta.content for chunk in stream]
    return [whole, *(piece for piece in pieces if piece)]


tell(lambda: client.files.delete("file-1"), allowed)
