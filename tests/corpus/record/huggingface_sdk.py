"""huggingface_hub."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from cases import Expected, Suite, case
from recorder import Answer, Recorded


def reply(request: Recorded) -> Answer:
    """What the client needs to go on."""
    return Answer.json(
        {
            "name": "acme",
            "id": "acme/m",
            "url": "https://huggingface.co/acme/m",
            "siblings": [],
            "tags": [],
            "branches": [],
            "converts": [],
            "stage": "PAUSED",
            "hardware": {},
        }
        if request.target.split("?")[0] not in {"/api/models", "/api/datasets", "/api/spaces"}
        else []
    )


def namespace() -> Mapping[str, Any]:
    from huggingface_hub import HfApi

    return {"hf": HfApi(token="hf_placeholder00000000000000000000000")}


SUITE = Suite(
    name="huggingface",
    client="huggingface_hub",
    version=lambda: version("huggingface_hub"),
    hosts=("huggingface.co",),
    namespace=namespace,
    reply=reply,
    cases=(
        case(
            "hf.whoami()",
            "huggingface_list_agent_harnesses",
            {},
            Expected("huggingface_get_identity", {}),
        ),
        case(
            'list(hf.list_models(search="bert", limit=2))',
            "huggingface_list_models",
            {"search": "bert"},
        ),
        case(
            'hf.model_info("acme/m")',
            "huggingface_get_model",
            {"owner": "acme", "name": "m"},
        ),
        case(
            'hf.dataset_info("acme/d")',
            "huggingface_get_dataset",
            {"name": "d"},
        ),
        case(
            'hf.create_repo("acme/m", private=True)',
            "huggingface_create_repo",
            {"name": "m"},
        ),
        case(
            'hf.delete_repo("acme/m")',
            "huggingface_delete_repo",
            {"name": "m"},
        ),
        case(
            'hf.move_repo("acme/m", "acme/n")',
            "huggingface_move_repo",
            {"fromRepo": "acme/m"},
        ),
        case(
            'hf.update_repo_settings("acme/m", private=False)',
            "huggingface_update_repo_settings",
            {"name": "m"},
        ),
        case(
            'hf.create_branch("acme/m", branch="b")',
            "huggingface_create_branch",
            {"branch": "b"},
        ),
        case(
            'hf.delete_branch("acme/m", branch="b")',
            "huggingface_delete_branch",
            {"branch": "b"},
        ),
        case(
            'hf.list_repo_refs("acme/m")',
            "huggingface_list_refs",
            {"name": "m"},
        ),
        case(
            'hf.pause_space("acme/s")',
            "huggingface_pause_space",
            {"name": "s"},
        ),
    ),
)
