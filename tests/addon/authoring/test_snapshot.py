"""A configuration folder is read once, whole, and only if nothing about it is odd."""

import os
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wharfinger.authoring import snapshot
from wharfinger.authoring.snapshot import Catalogue, FolderUnreadable
from wharfinger.rules.documents.problems import Severity


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "conf"
    for sub in ("tools", "policies"):
        (path / sub).mkdir(parents=True)
    write(path, "wharfinger.yaml", "version: 1\n")
    write(path, "agents.yaml", "agents: {}\n")
    write(path, "tools/stripe.yaml", "tool: x\n")
    write(path, "policies/p.yaml", "policy: p\n")
    return path


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    path.chmod(0o644)
    return path


def told(found):
    return [(str(p.position), p.severity, p.message, p.hint) for p in found.problems]


def test_the_files_of_a_configuration_are_read_and_nothing_else(folder):
    for other in ("README.md", ".hidden.yaml", "tools/notes.txt", "tools/.x.yaml.swp"):
        write(folder, other, "x")
    found = snapshot.read(folder)
    assert dict(found.files) == {
        "agents.yaml": b"agents: {}\n",
        "policies/p.yaml": b"policy: p\n",
        "tools/stripe.yaml": b"tool: x\n",
        "wharfinger.yaml": b"version: 1\n",
    }
    assert list(found.files) == sorted(found.files)
    assert told(found) == []
    assert found.open_to_others == ()
    assert found.folder == folder


def test_an_empty_folder_has_no_files(tmp_path):
    assert dict(snapshot.read(tmp_path).files) == {}


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.touch(), lambda p: p.symlink_to(p)])
def test_what_is_no_folder_is_said_plainly(tmp_path, make):
    make(tmp_path / "x")
    with pytest.raises(FolderUnreadable, match="cannot be read") as caught:
        snapshot.read(tmp_path / "x")
    assert "wharfinger init" in caught.value.hint


def test_a_folder_reached_by_a_link_is_the_folder(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert snapshot.read(tmp_path / "link").folder == folder


def test_every_file_that_cannot_be_read_is_reported_at_once(folder):
    (folder / "people.yaml").symlink_to("agents.yaml")
    os.mkfifo(folder / "credentials.yaml")
    (folder / "tools" / "d.yaml").mkdir()
    (folder / "policies" / "l.yaml").symlink_to("/etc/passwd")
    (folder / "policies" / "loop.yaml").symlink_to("loop.yaml")
    write(folder, "tools/big.yaml", "#" * (5 * 2**20 + 1))
    found = snapshot.read(folder)
    assert {(position, message.split(",")[0]) for position, severity, message, hint in told(found)} == {
        ("people.yaml", "this is a symbolic link"),
        ("credentials.yaml", "this is not a regular file"),
        ("tools/d.yaml", "this is not a regular file"),
        ("policies/l.yaml", "this is a symbolic link"),
        ("policies/loop.yaml", "this is a symbolic link"),
        ("tools/big.yaml", "this file is larger than 5 MiB"),
    }
    assert all(severity is Severity.ERROR and hint for _, severity, _, hint in told(found))
    assert not set(found.files) & {position for position, *_ in told(found)}


def test_a_linked_sub_folder_is_not_followed(folder, tmp_path):
    (folder / "policies" / "p.yaml").unlink()
    (folder / "policies").rmdir()
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere", "evil.yaml", "x")
    (folder / "policies").symlink_to(tmp_path / "elsewhere")
    found = snapshot.read(folder)
    assert "policies/evil.yaml" not in found.files
    assert [(p, m) for p, _, m, _ in told(found)] == [
        ("policies", "this is a symbolic link, which is not followed")
    ]


def test_a_file_of_exactly_the_limit_is_read(folder, monkeypatch):
    monkeypatch.setattr(snapshot, "FILE_LIMIT", 100)
    write(folder, "tools/a.yaml", "#" * 100)
    write(folder, "tools/b.yaml", "#" * 101)
    found = snapshot.read(folder)
    assert "tools/a.yaml" in found.files
    assert "tools/b.yaml" not in found.files


@pytest.mark.parametrize(("limit", "value"), [("TOTAL_LIMIT", 30), ("COUNT_LIMIT", 2)])
def test_all_files_together_are_bounded(folder, monkeypatch, limit, value):
    monkeypatch.setattr(snapshot, limit, value)
    assert "all files together are more than" in told(snapshot.read(folder))[0][2]


def test_files_with_other_names_are_remarked_on(folder):
    for name in ("agent.yaml", "stripe.yaml", "tools/github.yml"):
        write(folder, name, "x")
    assert [(p, s, h) for p, s, _, h in told(snapshot.read(folder))] == [
        ("agent.yaml", Severity.WARNING, 'did you mean "agents"?'),
        ("stripe.yaml", Severity.WARNING, "tools and policies go into tools/ and policies/"),
        ("tools/github.yml", Severity.WARNING, 'name it "github.yaml"'),
    ]


def test_folders_that_look_like_those_of_the_configuration_are_remarked_on(folder):
    for name in (
        "tols/a.yaml",
        "policy/p.yaml",
        "tools/stripe/a.yaml",
        "docs/a.yaml",
        ".git/tools/a.yaml",
        "tools/\x1b[1m/a.yaml",
    ):
        (folder / name).parent.mkdir(parents=True)
        write(folder, name, "x")
    write(folder, "tool", "a file")
    assert [(p, s, h) for p, s, _, h in told(snapshot.read(folder))] == [
        ("policy/", Severity.WARNING, 'did you mean "policies"?'),
        ("tols/", Severity.WARNING, 'did you mean "tools"?'),
        ("tools/stripe/", Severity.WARNING, "move its files to tools/ itself"),
    ]


@pytest.mark.parametrize("name", [".", "tools", "wharfinger.yaml", "policies/p.yaml"])
@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_what_others_may_write_is_remarked_on(folder, name, mode):
    (folder / name).chmod(mode)
    found = snapshot.read(folder)
    assert [n.rstrip("/") for n in found.open_to_others] == [name]
    (problem,) = found.problems
    assert problem.severity is Severity.WARNING
    assert "chmod go-w" in problem.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_another_users_file_is_remarked_on(folder):
    os.chown(folder / "agents.yaml", 12345, -1)
    found = snapshot.read(folder)
    assert found.open_to_others == ("agents.yaml",)
    assert "belongs to user 12345" in found.problems[0].message


def test_the_digest_is_of_names_and_contents(folder):
    first = snapshot.read(folder).digest
    assert snapshot.read(folder).digest == first
    path = write(folder, "tools/stripe.yaml", "tool: y\n")
    assert snapshot.read(folder).digest != first
    write(folder, "tools/stripe.yaml", "tool: x\n")
    assert snapshot.read(folder).digest == first
    path.rename(folder / "tools" / "other.yaml")
    assert snapshot.read(folder).digest != first


def test_names_and_contents_do_not_run_into_each_other():
    one = {"agents.yaml": b"", "tools/a.yaml": b"x"}
    two = {"agents.yaml": b"tools/a.yamlx"}
    assert snapshot.Snapshot(None, one, (), ()).digest != snapshot.Snapshot(None, two, (), ()).digest


files = st.dictionaries(
    st.sampled_from(["tools/a.yaml", "tools/b.yaml", "agents.yaml"]), st.binary(max_size=9)
)


@settings(max_examples=100)
@given(files, files)
def test_two_folders_have_the_same_digest_only_if_they_are_the_same(one, two):
    made = [snapshot.Snapshot(None, files, (), ()).digest for files in (one, two)]
    assert (made[0] == made[1]) == (one == two)


def test_the_catalogue_reads_what_is_asked_for_by_exact_name():
    catalogue = Catalogue()
    assert list(catalogue) == sorted(catalogue)
    for name in catalogue:
        assert catalogue[name].strip()
        assert name in catalogue
    for other in ("", "../rules/types", "nothing", "__init__", "github.yaml"):
        assert other not in catalogue
        with pytest.raises(KeyError):
            catalogue[other]


def test_the_catalogue_can_be_handed_to_another_process():
    assert list(pickle.loads(pickle.dumps(Catalogue()))) == list(Catalogue())
