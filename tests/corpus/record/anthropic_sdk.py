"""anthropic-python: messages (plain, streamed, with tools), batches, models and the beta files API."""

# ruff: noqa: E501 (calls stand as users write them)
from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Expected, Suite, case
from recorder import Answer, Recorded

MODEL = "claude-sonnet-4-5"
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [], "stop_reason": "end_turn",
    "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
STREAM = Answer.events(
    ("message_start", {"type": "message_start", "message": MESSAGE}),
    ("message_stop", {"type": "message_stop"}),
)
BATCH = {"id": "msgbatch_1", "type": "message_batch", "processing_status": "ended",
         "results_url": "https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"}  # fmt: skip
HI = 'messages=[{"role": "user", "content": "Hi"}]'
TOOLS = (
    '[{"name": "get_weather", "description": "Weather of a city", "input_schema": {"type": "object", "properties":'
    ' {"city": {"type": "string"}}}}]'
)


def reply(request: Recorded) -> Answer:
    """An answer of the shape the path's resource has."""
    path = request.target.split("?")[0]
    if path.endswith("/results"):
        return Answer(b"", "application/x-jsonl")
    if path.endswith("/content"):
        return Answer(b"\x00", "application/octet-stream")
    if path == "/v1/messages":
        return Answer.json(MESSAGE)
    if path == "/v1/messages/count_tokens":
        return Answer.json({"input_tokens": 3})
    if path.startswith("/v1/messages/batches/"):
        return Answer.json(BATCH)
    if request.method == "GET" and path in ("/v1/models", "/v1/files", "/v1/messages/batches"):
        return Answer.json({"data": [], "has_more": False, "first_id": None, "last_id": None})
    return Answer.json({"id": "obj_1", "type": "thing"})


def namespace() -> Mapping[str, Any]:
    from anthropic import Anthropic

    return {"client": Anthropic(api_key="sk-ant-placeholder000000000000")}


SUITE = Suite(
    name="anthropic",
    client="anthropic-python",
    version=lambda: version("anthropic"),
    hosts=("api.anthropic.com",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(f'client.messages.create(model="{MODEL}", max_tokens=64, {HI})', "anthropic_create_message",
             {"model": MODEL, "max_tokens": 64}),
        case(f'client.messages.create(model="{MODEL}", max_tokens=64, system="Be brief", metadata={{"user_id": "u"}},'
             f' tools={TOOLS}, tool_choice={{"type": "auto"}}, stop_sequences=["END"], {HI})',
             "anthropic_create_message", {"stop_sequences": ["END"]}),
        case(f'client.messages.create(model="{MODEL}", max_tokens=64, system=[{{"type": "text", "text": "Be brief",'
             f' "cache_control": {{"type": "ephemeral"}}}}], {HI})', "anthropic_create_message", {}),
        case(f'list(client.messages.create(model="{MODEL}", max_tokens=64, stream=True, {HI}))',
             "anthropic_create_message", {"stream": True}, answer=STREAM),
        case(f'client.beta.messages.create(model="{MODEL}", max_tokens=64, betas=["context-1m-2025-08-07"], {HI})',
             "anthropic_create_message", {"model": MODEL}),
        case(f'client.messages.count_tokens(model="{MODEL}", {HI})', "anthropic_count_tokens", {"model": MODEL}),
        case("client.models.list(limit=20)", "anthropic_list_models", {"limit": 20}),
        case(f'client.models.retrieve("{MODEL}")', "anthropic_get_model", {"model": MODEL}),
        case(f'client.messages.batches.create(requests=[{{"custom_id": "a", "params": {{"model": "{MODEL}",'
             f' "max_tokens": 64, "messages": []}}}}])', "anthropic_create_message_batch", {}),
        case('client.messages.batches.retrieve("msgbatch_1")', "anthropic_get_message_batch",
             {"batch": "msgbatch_1"}),
        case("client.messages.batches.list()", "anthropic_list_message_batches", {}),
        case('client.messages.batches.cancel("msgbatch_1")', "anthropic_cancel_message_batch",
             {"batch": "msgbatch_1"}),
        case('client.messages.batches.delete("msgbatch_1")', "anthropic_delete_message_batch",
             {"batch": "msgbatch_1"}),
        case('next(iter(client.messages.batches.results("msgbatch_1")), None)', "anthropic_get_message_batch",
             {"batch": "msgbatch_1"}, Expected("anthropic_get_message_batch_results", {"batch": "msgbatch_1"})),
        case("client.beta.files.list(limit=5)", "anthropic_list_files", {"limit": 5}),
        case('client.beta.files.retrieve_metadata("file_1")', "anthropic_get_file", {"file": "file_1"}),
        case('client.beta.files.download("file_1").read()', "anthropic_get_file_content", {"file": "file_1"}),
        case('client.beta.files.delete("file_1")', "anthropic_delete_file", {"file": "file_1"}),
    ),
)  # fmt: skip
