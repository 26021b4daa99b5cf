"""Names, descriptions and effects follow from method, path and id, by one rule each."""

from __future__ import annotations

import pytest
from wharfinger.importing import effects, naming, words
from wharfinger.importing.operations import Operation, Phrase, Template
from wharfinger.rules.types import Effect

READ, WRITE, DESTRUCTIVE = Effect.READ, Effect.WRITE, Effect.DESTRUCTIVE

REQUESTS = [
    # method, path, id, name, effect
    ("GET", "/users", "", "list_users", READ),
    ("GET", "/users/{id}", "", "get_user", READ),
    ("POST", "/users", "", "create_user", WRITE),
    ("PUT", "/users/{id}", "", "set_user", WRITE),
    ("PATCH", "/users/{id}", "", "update_user", WRITE),
    ("DELETE", "/users/{id}", "", "delete_user", DESTRUCTIVE),
    ("POST", "/users/{id}", "", "update_user", WRITE),
    ("POST", "/v1/payment_intents/{id}/cancel", "", "cancel_payment_intent", DESTRUCTIVE),
    ("POST", "/v1/refunds", "PostRefunds", "create_refund", DESTRUCTIVE),
    ("POST", "/v1/payouts", "", "create_payout", DESTRUCTIVE),
    ("POST", "/v1/refunds/{refund}", "PostRefundsRefund", "update_refund", WRITE),
    ("GET", "/v1/refunds", "GetRefunds", "list_refunds", READ),
    ("POST", "/contacts/search", "", "search_contacts", READ),
    ("POST", "/orgs/{org}/attestations/bulk-list", "", "list_attestations_bulk", READ),
    ("POST", "/auth/tokens/get", "", "get_token", WRITE),
    ("POST", "/chat.delete", "chat_delete", "delete_chat", DESTRUCTIVE),
    ("GET", "/auth.revoke", "auth_revoke", "revoke_auth", DESTRUCTIVE),
    ("GET", "/users/delete", "", "delete_user", DESTRUCTIVE),
    ("GET", "/views.publish", "views_publish", "publish_view", WRITE),
    ("GET", "/repos/{owner}/{repo}/archive", "", "get_repo_archive", READ),
    ("GET", "/orgs/{org}/issue-types", "orgs/list-issue-types", "list_org_issue_types", READ),
    ("GET", "/repos/{owner}/{repo}", "repos/get", "get_repo", READ),
    ("POST", "/repos/{owner}/{repo}/transfer", "repos/transfer", "transfer_repo", DESTRUCTIVE),
    ("GET", "/repos/{owner}/{repo}/issues", "issues/list-for-repo", "list_issues_for_repo", READ),
    ("POST", "/gmail/v1/users/{userId}/messages/send", "gmail.users.messages.send", "send_message", WRITE),
    ("GET", "/v1/users/{u}/settings/sendAs", "x.users.settings.sendAs.list", "list_as", READ),
    ("POST", "/v1/messages/batchDelete", "x.messages.batchDelete", "delete_message_batch", DESTRUCTIVE),
    ("POST", "/v1/projects/{p}:undelete", "", "undelete_project", WRITE),
    ("PUT", "/secrets/{name}", "actions/create-or-update-secret", "set_action_secret", WRITE),
    ("HEAD", "/things/{id}", "", "check_thing", READ),
]


@pytest.mark.parametrize(("method", "path", "identity", "name", "effect"), REQUESTS)
def test_requests(method: str, path: str, identity: str, name: str, effect: Effect) -> None:
    phrase = naming.phrase(method, path, identity, frozenset({"gmail"}))
    assert f"{phrase.verb}_{phrase.objects[0]}" == name
    assert effects.of_request(method, path, phrase) is effect


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("DescribeInstances", READ),
        ("ListBuckets", READ),
        ("GetSessionToken", WRITE),
        ("GetSecretValue", WRITE),
        ("RunInstances", WRITE),
        ("TerminateInstances", DESTRUCTIVE),
        ("BatchDeleteImage", DESTRUCTIVE),
        ("DeregisterImage", DESTRUCTIVE),
        ("CreateRefund", DESTRUCTIVE),
        ("PutBucketPolicy", WRITE),
        ("search_issues", READ),
        ("frobnicate", WRITE),
        ("issueDelete", DESTRUCTIVE),
        ("issueArchive", DESTRUCTIVE),
        ("ListDeleteMarkers", READ),
        ("GetDeleteStatus", READ),
        ("issueRemoveLabel", DESTRUCTIVE),
        ("pushSubscriptionDelete", DESTRUCTIVE),
        ("issueToReleaseDeleteByIssueAndRelease", DESTRUCTIVE),
        ("ExportTableToPointInTime", WRITE),
        ("IssueCertificate", WRITE),
        ("ReleaseAddress", WRITE),
        ("", WRITE),
    ],
)
def test_names_alone(name: str, effect: Effect) -> None:
    assert effects.of_verb(name) is effect


def test_a_word_is_of_one_kind() -> None:
    assert not words.DESTROYING & words.WRITING
    assert not words.DESTROYING & words.READING
    assert not words.QUERYING - words.READING


@pytest.mark.parametrize(
    ("verb", "thing", "said"),
    [
        ("delete", "repo", "Delete a repo"),
        ("get", "issue", "Read an issue"),
        ("list", "issue_comments", "List issue comments"),
        ("update", "settings", "Change settings"),
        ("get", "", "Read"),
        ("", "frob", "Call frob"),
        ("add", "upvote", "Add an upvote"),
        ("add", "user", "Add a user"),
        ("set", "my_name", "Set my name"),
        ("delete", "dashboard_by_delete", "Delete a dashboard"),
    ],
)
def test_descriptions(verb: str, thing: str, said: str) -> None:
    assert naming.describe(Phrase(verb, (thing,)), thing) == said


@pytest.mark.parametrize(
    ("name", "verb", "thing"),
    [
        ("issueAddLabel", "add", "issue_label"),
        ("releaseNoteUpdate", "update", "release_note"),
        ("customViewUpdate", "update", "custom_view"),
        ("UpdateConfigurationSet", "update", "configuration_set"),
        ("IssueCertificate", "issue", "certificate"),
        ("labelIssue", "label", "issue"),
    ],
)
def test_verbs_are_told_from_things_of_the_same_name(name: str, verb: str, thing: str) -> None:
    assert naming.of_name(name) == Phrase(verb, (thing,))


def test_put_beside_patch_replaces() -> None:
    phrase = Phrase("update", ("event",))
    patch, put, other = (
        Operation(key, phrase, WRITE, lambda: Template({}, {})) for key in ("PATCH /e", "PUT /e", "PUT /o")
    )
    told = {one.key: one.phrase.verb for one in naming.told_apart([patch, put, other])}
    assert told == {"PATCH /e": "update", "PUT /e": "replace", "PUT /o": "update"}


def test_an_id_with_method_and_path_behind_it_is_read_without_them() -> None:
    assert naming.phrase("POST", "/v1/voices/add", "Add_voice_v1_voices_add_post").verb == "add"
    assert naming.phrase("POST", "/v1/voices/add", "Add_voice_v1_voices_add_post").objects[0] == "voice"


def _operation(key: str, *things: str) -> Operation:
    return Operation(key, Phrase("get", things), READ, lambda: Template({}, {}))


def test_operations_that_would_share_a_name_both_get_a_longer_one() -> None:
    one, other = _operation("a", "user", "org_user"), _operation("b", "user", "repo_user")
    for order in ([one, other], [other, one]):
        assert {key: name for key, (name, _) in naming.names("x", order).items()} == {
            "a": "x_get_org_user",
            "b": "x_get_repo_user",
        }


def test_in_the_end_a_hash_of_the_key_tells_them_apart() -> None:
    operations = [_operation(f"GET /{n}", "user") for n in range(50)]
    found = {key: name for key, (name, _) in naming.names("x", operations).items()}
    assert len(set(found.values())) == 50
    assert found == {key: name for key, (name, _) in naming.names("x", operations[::-1]).items()}
    assert all(name.startswith("x_get_user_") for name in found.values())


def test_long_names_lose_their_first_words() -> None:
    name = naming.fitted("api", "get", "_".join(["very"] * 20 + ["last"]))
    assert len(name) <= naming.LONGEST
    assert name.startswith("api_get_very")
    assert name.endswith("_last")
