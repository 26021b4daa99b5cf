"""openai-python: chat, responses and the rest of the platform's resources, streamed and not."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Suite, case
from recorder import Answer, Recorded

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
CHUNK = {"id": "c_1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5", "choices": []}
STREAM = Answer.events(("", CHUNK), ("", "[DONE]"))
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5", "output": [], "status": "completed",
    "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
}  # fmt: skip
EVENTS = Answer.events(
    ("response.created", {"type": "response.created", "sequence_number": 0, "response": RESPONSE}),
    ("response.completed", {"type": "response.completed", "sequence_number": 1, "response": RESPONSE}),
)
TOOLS = (
    '[{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters":'
    ' {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]'
)


def reply(request: Recorded) -> Answer:
    """An answer of the shape the path's resource has."""
    path = request.target.split("?")[0]
    if path == "/v1/chat/completions":
        return Answer.json({"id": "c_1", "object": "chat.completion", "created": 1, "model": "gpt-5",
                            "choices": [], "usage": USAGE})  # fmt: skip
    if path.startswith("/v1/responses"):
        return Answer.json(RESPONSE)
    if path == "/v1/embeddings":
        return Answer.json({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": []}],
                            "model": "m", "usage": USAGE})  # fmt: skip
    if path == "/v1/audio/speech" or path.endswith("/content"):
        return Answer(b"\x00\x01", "application/octet-stream")
    if request.method == "GET" and path.count("/") == 2:
        return Answer.json({"object": "list", "data": [], "has_more": False})
    return Answer.json({"id": "obj_1", "object": "thing", "created": 1, "created_at": 1, "data": []})


def namespace() -> Mapping[str, Any]:
    from openai import OpenAI

    return {"client": OpenAI(api_key="sk-proj-placeholder000000000000")}


SUITE = Suite(
    name="openai",
    client="openai-python",
    version=lambda: version("openai"),
    hosts=("api.openai.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case('client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "Hi"}])',
             "openai_create_chat_completion", {"model": "gpt-5"}),
        case('client.chat.completions.create(model="gpt-5", temperature=0.2, max_completion_tokens=500,'
             ' messages=[{"role": "system", "content": "Be brief"}, {"role": "user", "content": [{"type": "text",'
             f' "text": "Hi"}}]}}], tools={TOOLS}, tool_choice="auto", stop=["END"],'
             ' response_format={"type": "json_object"})',
             "openai_create_chat_completion", {"model": "gpt-5", "max_completion_tokens": 500}),
        case('list(client.chat.completions.create(model="gpt-5", stream=True, stream_options={"include_usage":'
             ' True}, messages=[{"role": "user", "content": "Hi"}]))',
             "openai_create_chat_completion", {"stream": True}, answer=STREAM),
        case('client.responses.create(model="gpt-5", input="Hi", instructions="Be brief")',
             "openai_create_response", {"model": "gpt-5", "input": "Hi"}),
        case('client.responses.create(model="gpt-5", input=[{"role": "user", "content": "Hi"}], store=False,'
             ' reasoning={"effort": "low"}, tools=[{"type": "web_search"}])',
             "openai_create_response", {"model": "gpt-5", "store": False}),
        case('list(client.responses.create(model="gpt-5", input="Hi", stream=True))',
             "openai_create_response", {"stream": True}, answer=EVENTS),
        case('client.responses.retrieve("resp_1")', "openai_get_response", {"response": "resp_1"}),
        case('client.responses.delete("resp_1")', "openai_delete_response", {"response": "resp_1"}),
        case('client.responses.cancel("resp_1")', "openai_cancel_response", {"response": "resp_1"}),
        case("client.models.list()", "openai_list_models", {}),
        case('client.models.retrieve("gpt-5")', "openai_get_model", {"model": "gpt-5"}),
        case('client.models.delete("ft:gpt-5:acme:x:1")', "openai_delete_model", {"model": "ft:gpt-5:acme:x:1"}),
        case('client.embeddings.create(model="text-embedding-3-small", input="some text")',
             "openai_create_embedding", {"model": "text-embedding-3-small"}),
        case('client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=256)',
             "openai_create_embedding", {"dimensions": 256}),
        case('client.moderations.create(model="omni-moderation-latest", input="some text")',
             "openai_create_moderation", {"model": "omni-moderation-latest"}),
        case('client.images.generate(model="gpt-image-1", prompt="a wharf", n=1, size="1024x1024")',
             "openai_create_image", {"prompt": "a wharf", "n": 1}),
        case('client.audio.speech.create(model="gpt-4o-mini-tts", voice="alloy", input="Hello")',
             "openai_create_speech", {"voice": "alloy"}),
        case("client.files.list()", "openai_list_files", {}),
        case('client.files.retrieve("file-1")', "openai_get_file", {"file": "file-1"}),
        case('client.files.content("file-1").read()', "openai_get_file_content", {"file": "file-1"}),
        case('client.files.delete("file-1")', "openai_delete_file", {"file": "file-1"}),
        case('client.batches.create(input_file_id="file-1", endpoint="/v1/responses", completion_window="24h")',
             "openai_create_batch", {"input_file_id": "file-1", "endpoint": "/v1/responses"}),
        case('client.batches.retrieve("batch_1")', "openai_get_batch", {"batch": "batch_1"}),
        case("client.batches.list(limit=5)", "openai_list_batches", {"limit": 5}),
        case('client.batches.cancel("batch_1")', "openai_cancel_batch", {"batch": "batch_1"}),
        case('client.fine_tuning.jobs.create(model="gpt-5-mini", training_file="file-1")',
             "openai_create_fine_tuning_job", {"training_file": "file-1"}),
        case("client.fine_tuning.jobs.list(limit=2)", "openai_list_fine_tuning_jobs", {"limit": 2}),
        case("client.vector_stores.list()", "openai_list_vector_stores", {}),
        case('client.vector_stores.create(name="docs")', "openai_create_vector_store", {"name": "docs"}),
        case('client.vector_stores.search("vs_1", query="refund policy")', "openai_search_vector_store",
             {"vector_store": "vs_1"}),
        case('client.vector_stores.delete("vs_1")', "openai_delete_vector_store", {"vector_store": "vs_1"}),
        case('client.conversations.create(metadata={"topic": "demo"})', "openai_create_conversation", {}),
    ),
)  # fmt: skip
